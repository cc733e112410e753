//! Quantities of the API as numbers, to add and compare them.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// The suffixes and what they multiply by; the longer ones first.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// The amount in cores, bytes or pieces; `None` if it is not written as Kubernetes writes amounts.
pub(crate) fn amount(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.trim();
    if let Ok(plain) = text.parse::<f64>() {
        return Some(plain).filter(|amount| amount.is_finite());
    }
    let (number, factor) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))?;
    number.parse::<f64>().ok().map(|number| number * factor).filter(|amount| amount.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_every_spelling() {
        for (text, expected) in [
            ("2", Some(2.0)),
            ("150m", Some(0.15)),
            ("1.5", Some(1.5)),
            ("1Ki", Some(1024.0)),
            ("4Gi", Some(4_294_967_296.0)),
            ("1e3", Some(1000.0)),
            ("1M", Some(1e6)),
            ("", None),
            ("Mi", None),
            ("many", None),
            ("inf", None),
        ] {
            let read = amount(&Quantity(text.to_owned()));
            let near = match (read, expected) {
                (Some(read), Some(expected)) => (read - expected).abs() < 1e-9,
                (read, expected) => read == expected,
            };
            assert!(near, "{text}: {read:?}");
        }
    }
}
