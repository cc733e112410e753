//! What was meant by a name that is not known.

/// What to write instead of an unknown name: the known one that differs least, or all of them.
pub(super) fn remedy(name: &str, known: &[&str]) -> String {
    nearest(name, known)
        .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean {near}?"))
}

/// The known name that differs least from what was written, if it is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a &'a str>) -> Option<&'a str> {
    // Nothing known is as long, and whoever writes a name that long means none of them.
    if name.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|known| (distance(name, known), *known))
        .min()
        .filter(|(distance, near)| *distance <= 3 && 2 * distance < near.len())
        .map(|(_, name)| name)
}

/// Edit distance of two short ASCII names.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
