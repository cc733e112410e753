//! The table of rules about a service.

use crate::report::Severity;

use super::{Input, Rule, RuleDoc, ServiceFacts, endpoints, ingress};

/// Every rule about a service.
pub const RULES: &[Rule<ServiceFacts>] = &[
    Rule {
        doc: RuleDoc {
            id: "SVC-001",
            kind: "NoReadyEndpoint",
            severity: Severity::Critical,
            rule: "the service has a selector or slices, and no endpoint of its EndpointSlices is ready: (a) the \
                   selector matches no pod, or (b) the pods are not ready (medium if all are younger than a minute)",
            meaning: "Every connection to the service is refused or times out.",
            runbook: "1. (a) Compare spec.selector with the labels of the pods; the nearest labels are shown. A \
                      workload scaled to zero looks the same. 2. (b) Look at the pods' own issues with diagnose_pod: \
                      a failing readiness probe takes a pod out of the service.",
        },
        needs: &[Input::Related],
        deep: false,
        explains: &["SVC-002"],
        find: endpoints::none_ready,
    },
    Rule {
        doc: RuleDoc {
            id: "SVC-002",
            kind: "SomeEndpointsNotReady",
            severity: Severity::Medium,
            rule: "at least one endpoint is ready and at least one is not (terminating ones do not count)",
            meaning: "The service works with less capacity than it should have.",
            runbook: "1. Diagnose the pods that are not ready. 2. During a rollout this is normal for a short time.",
        },
        needs: &[Input::Related],
        deep: false,
        explains: &[],
        find: endpoints::some_not_ready,
    },
    Rule {
        doc: RuleDoc {
            id: "SVC-003",
            kind: "TargetPortNotFound",
            severity: Severity::Critical,
            rule: "targetPort is a name that no container of the selected pods gives to a port",
            meaning: "The port of the service leads nowhere, however healthy the pods are.",
            runbook: "1. Compare spec.ports[].targetPort with the names in containers[].ports[]. 2. Use the name or \
                      the number of the port that the container listens on.",
        },
        needs: &[Input::Pods],
        deep: false,
        explains: &[],
        find: endpoints::unknown_target_port,
    },
    Rule {
        doc: RuleDoc {
            id: "SVC-004",
            kind: "LoadBalancerPending",
            severity: Severity::Medium,
            rule: "type LoadBalancer without status.loadBalancer.ingress for more than 2 minutes",
            meaning: "The service has no address outside the cluster.",
            runbook: "1. Is there a controller for load balancers in this cluster? 2. Read the events of the service \
                      (get_events): quota, subnets, annotations. 3. Use an Ingress or NodePort where there is none.",
        },
        needs: &[],
        deep: false,
        explains: &[],
        find: endpoints::balancer_pending,
    },
    Rule {
        doc: RuleDoc {
            id: "SVC-005",
            kind: "NoSelector",
            severity: Severity::Medium,
            rule: "no selector and no EndpointSlice; type ExternalName needs neither",
            meaning: "Nothing stands behind the service, and nothing will be put there by itself.",
            runbook: "1. Add a selector, or 2. make the EndpointSlice by hand, or 3. delete the service.",
        },
        needs: &[Input::Related],
        deep: false,
        explains: &[],
        find: endpoints::no_selector,
    },
    Rule { doc: ingress::DOC, needs: &[], deep: false, explains: &[], find: ingress::of_service },
    Rule {
        doc: RuleDoc {
            id: "SVC-007",
            kind: "IsolatedByPolicy",
            severity: Severity::Medium,
            rule: "a NetworkPolicy of type Ingress selects pods of the service, and no policy that selects them has \
                   an ingress rule",
            meaning: "Where the network plugin enforces policies, nobody reaches these pods.",
            runbook: "1. List the policies of the namespace. 2. Add an ingress rule that admits the callers on the \
                      port of the pods.",
        },
        needs: &[Input::Pods],
        deep: false,
        explains: &[],
        find: endpoints::isolated,
    },
];
