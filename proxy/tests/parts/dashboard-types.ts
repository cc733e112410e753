// What Grafana says a dashboard is, for dashboards that were written as JSON and not in TypeScript.
import type { AnnotationQuery, Dashboard, Panel, RowPanel } from '@grafana/schema';
import type * as Gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as HeatMap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON holds the values of enums, not their names.
type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends Array<infer Item>
        ? Array<Plain<Item>>
        : { [Key in keyof T]: Plain<T[Key]> };

// Grafana fills in what is not there.
type Given<T> =
  T extends Array<infer Item>
    ? Array<Given<Item>>
    : T extends object
      ? { [Key in keyof T]?: Given<T[Key]> }
      : T;

// What the Prometheus data source reads of an annotation beside its query.
interface PrometheusAnnotation {
  expr?: string;
  step?: string;
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
}
type Annotation = Plain<Omit<AnnotationQuery, 'target'>> &
  PrometheusAnnotation & { target?: { refId: string; expr: string } };

export type Shape = Omit<Plain<Dashboard>, 'annotations'> & { annotations: { list: Annotation[] } };
export type Row = Plain<RowPanel>;

type Typed<Name, Options, Custom> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig'> & {
  type: Name;
  options: Given<Plain<Options>>;
  fieldConfig: Omit<Plain<NonNullable<Panel['fieldConfig']>>, 'defaults'> & {
    defaults: Omit<Plain<NonNullable<Panel['fieldConfig']>['defaults']>, 'custom'> & {
      custom?: Given<Plain<Custom>>;
    };
  };
};
export type Drawn =
  | Typed<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Typed<'stat', Stat.Options, object>
  | Typed<'gauge', Gauge.Options, object>
  | Typed<'table', Table.Options, Table.FieldConfig>
  | Typed<'heatmap', HeatMap.Options, HeatMap.FieldConfig>;
