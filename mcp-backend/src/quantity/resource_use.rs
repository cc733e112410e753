//! What a container uses of a resource, next to what it asks for and may use.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::Amount;

/// What containers use, and are given limits of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Bytes of memory.
    Memory,
}

impl Resource {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// An amount of it as people write it.
    pub fn spell(self, amount: Amount) -> String {
        match self {
            Self::Cpu => amount.cpu(),
            Self::Memory => amount.memory(),
        }
    }
}

/// From here on, use is close to its limit, in percent.
const NEAR_LIMIT: u32 = 90;

/// The amounts of one resource that belong to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceUse {
    /// Of what.
    pub resource: Resource,
    /// What it uses now, if that is known.
    pub used: Option<Amount>,
    /// What it asks for.
    pub request: Option<Amount>,
    /// What it may use.
    pub limit: Option<Amount>,
}

impl ResourceUse {
    /// Of a container that was measured to use this.
    pub fn of(container: &Container, resource: Resource, used: Option<&Quantity>) -> Self {
        let amount = |all: fn(&ResourceRequirements) -> &Option<BTreeMap<String, Quantity>>| {
            let all = all(container.resources.as_ref()?).as_ref()?;
            Amount::of(all.get(resource.as_str())?)
        };
        Self {
            resource,
            used: used.and_then(Amount::of),
            request: amount(|resources| &resources.requests),
            limit: amount(|resources| &resources.limits),
        }
    }

    /// How much of the limit is used; `None` if one of the two is not known.
    pub fn percent_of_limit(self) -> Option<f64> {
        self.used?.percent_of(self.limit?)
    }

    /// The same, if the limit is close: from 90 % on, exactly.
    pub fn percent_near_limit(self) -> Option<f64> {
        let near = self.used?.reaches(NEAR_LIMIT, self.limit?);
        self.percent_of_limit().filter(|_| near)
    }

    /// How much of what was asked for is used; `None` if one of the two is not known.
    pub fn percent_of_request(self) -> Option<f64> {
        self.used?.percent_of(self.request?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_has_no_share() {
        let container: Container = serde_json::from_value(json!({
            "name": "app",
            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } },
        }))
        .unwrap();
        for (resource, used, of_limit, of_request) in [
            (Resource::Cpu, Some("150m"), None, Some(150.0)),
            (Resource::Memory, Some("32Mi"), Some(25.0), Some(50.0)),
            (Resource::Memory, None, None, None),
            (Resource::Memory, Some("much"), None, None),
        ] {
            let used = used.map(|text| Quantity(text.to_owned()));
            let of = ResourceUse::of(&container, resource, used.as_ref());
            assert_eq!((of.percent_of_limit(), of.percent_of_request()), (of_limit, of_request), "{used:?}");
        }
    }

    #[test]
    fn what_is_near_a_limit_is_not_rounded() {
        let container: Container =
            serde_json::from_value(json!({ "name": "app", "resources": { "limits": { "cpu": "1" } } }))
                .unwrap();
        for (used, expected) in [("899999u", None), ("900m", Some(90.0)), ("2", Some(200.0))] {
            let used = Quantity(used.to_owned());
            let of = ResourceUse::of(&container, Resource::Cpu, Some(&used));
            assert_eq!(of.percent_near_limit(), expected, "{used:?}");
        }
    }
}
