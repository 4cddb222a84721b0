//! Comparing texts.

/// Whether both are the same. The target's own comparison goes byte by byte, and in compiled code each step of a loop
/// looks at the epoch and at bounds: about thirty instructions a byte, for look-ups that every iteration makes.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let (ones, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    if ones.iter().zip(others).any(|(one, other)| u64::from_ne_bytes(*one) != u64::from_ne_bytes(*other)) {
        return false;
    }
    // What is left over is compared together with bytes before it.
    if let (Some(one), Some(other)) = (one.last_chunk(), other.last_chunk()) {
        return u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other);
    }
    if let (Some(first), Some(of_other)) = (one.first_chunk(), other.first_chunk())
        && let (Some(last), Some(last_of_other)) = (one.last_chunk(), other.last_chunk())
    {
        return u32::from_ne_bytes(*first) == u32::from_ne_bytes(*of_other)
            && u32::from_ne_bytes(*last) == u32::from_ne_bytes(*last_of_other);
    }
    one.iter().zip(other).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn texts_of_any_length_differ_by_each_of_their_bytes() {
        for length in 0..40 {
            let text: String = ('!'..'~').take(length).collect();
            assert!(same(&text, &text.clone()));
            assert!(!same(&text, &format!("{text}!")));
            for at in 0..length {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(!same(&text, &changed) && !same(&changed, &text), "{text} and {changed}");
            }
        }
    }
}
