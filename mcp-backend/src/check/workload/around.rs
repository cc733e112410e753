//! The rules about what scales a workload or guards it.

use crate::check::look::{self, Condition};
use crate::check::{Finding, Rule, RuleDoc};
use crate::report::{Severity, quote};

use super::{AutoscalerFacts, BudgetFacts};

/// Every rule about an autoscaler.
pub const AUTOSCALER_RULES: &[Rule<AutoscalerFacts>] = &[Rule {
    doc: RuleDoc {
        id: "WRK-009",
        kind: "AutoscalerIneffective",
        severity: Severity::High,
        rule: "HorizontalPodAutoscaler: the target does not exist, or condition ScalingActive is False (high); \
               currentReplicas is at maxReplicas and more are wanted (medium); staying at minReplicas is normal",
        meaning: "The workload does not follow its load.",
        runbook: "1. `missing request for cpu`: set requests on every container of the target. 2. `unable to get \
                  metrics`: is metrics-server there? 3. At the maximum: raise maxReplicas or make the pods do more.",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: autoscaler,
}];

/// Every rule about a budget of disruptions.
pub const BUDGET_RULES: &[Rule<BudgetFacts>] = &[Rule {
    doc: RuleDoc {
        id: "WRK-010",
        kind: "NoDisruptionAllowed",
        severity: Severity::Low,
        rule: "PodDisruptionBudget: status.disruptionsAllowed is 0 while all expected pods are healthy",
        meaning: "No node with one of these pods can be drained: updates of the cluster wait for it.",
        runbook: "1. Run one replica more, or 2. allow one disruption (maxUnavailable: 1).",
    },
    needs: &[],
    deep: false,
    explains: &[],
    find: budget,
}];

fn autoscaler(facts: &AutoscalerFacts) -> Vec<Finding> {
    let scaler = &facts.autoscaler;
    let Some(spec) = &scaler.spec else { return Vec::new() };
    let name = look::name(&scaler.metadata);
    let target = format!("{} {}", spec.scale_target_ref.kind, spec.scale_target_ref.name);
    let found = |severity: Severity, message: String| {
        Finding::new(severity, look::object("HorizontalPodAutoscaler", &scaler.metadata), message)
    };
    if facts.target_exists == Some(false) {
        let finding = found(Severity::High, format!("autoscaler {name}: its target {target} does not exist"))
            .evidence([format!("spec.scaleTargetRef: {target}")])
            .recommend("correct the target's kind and name, or delete the autoscaler");
        return vec![finding];
    }
    let Some(status) = &scaler.status else { return Vec::new() };
    let conditions = status.conditions.as_ref();
    let inactive = look::condition(conditions, "ScalingActive").filter(|active| active.status == "False");
    // With zero replicas scaling is switched off on purpose.
    if let Some(inactive) = inactive.filter(|inactive| inactive.reason() != "ScalingDisabled") {
        // The reason alone is the same for a target without requests and for a metrics-server that is gone.
        let (cause, next) = if inactive.message().contains("missing request") {
            (", containers of it have no requests", "set resource requests on every container of the target")
        } else {
            ("", "check metrics-server and the requests of the target's containers")
        };
        let message = format!("autoscaler {name} cannot scale {target}: {}{cause}", inactive.reason());
        let finding = found(Severity::High, message)
            .evidence([format!("condition ScalingActive=False: {}", quote(inactive.message()))])
            .recommend(next)
            .since(inactive.since());
        return vec![finding];
    }
    let current = status.current_replicas.unwrap_or(0);
    let limited = look::condition(conditions, "ScalingLimited")
        .is_some_and(|limited| limited.status == "True" && limited.reason() == "TooManyReplicas");
    // Without the condition being at the maximum is all that is known.
    let unknown = look::condition(conditions, "ScalingLimited").is_none();
    if current >= spec.max_replicas
        && spec.min_replicas.unwrap_or(1) < spec.max_replicas
        && (limited || unknown)
    {
        let finding = found(
            Severity::Medium,
            format!("autoscaler {name} is at its maximum of {} replicas of {target}", spec.max_replicas),
        )
        .evidence([format!("currentReplicas {current}, maxReplicas {}", spec.max_replicas)])
        .recommend("raise maxReplicas if the load is real, or make each pod do more");
        return vec![finding];
    }
    Vec::new()
}

fn budget(facts: &BudgetFacts) -> Vec<Finding> {
    let budget = &facts.budget;
    let Some(status) = &budget.status else { return Vec::new() };
    let healthy = status.expected_pods > 0 && status.current_healthy >= status.expected_pods;
    let stale = budget
        .metadata
        .generation
        .is_some_and(|now| status.observed_generation.is_some_and(|seen| seen < now));
    if status.disruptions_allowed > 0 || !healthy || stale {
        return Vec::new();
    }
    let message = format!(
        "disruption budget {} allows none of its {} healthy pods to be moved",
        look::name(&budget.metadata),
        status.current_healthy
    );
    let found = Finding::new(Severity::Low, look::object("PodDisruptionBudget", &budget.metadata), message)
        .evidence([format!(
            "disruptionsAllowed 0, healthy {} of {}, wanted {}",
            status.current_healthy, status.expected_pods, status.desired_healthy
        )])
        .recommend("run one replica more, or allow one disruption");
    vec![found]
}
