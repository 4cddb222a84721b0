//! How values are bytes: a byte with the version of the format, then postcard. On disk a checksum stands between.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of the format. A later one must read what an earlier one wrote.
const VERSION: u8 = 1;
/// The version's byte and a CRC-32.
const SEAL_BYTES: usize = 5;

/// Why bytes aren't a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it has the format {0}, and this throng knows {VERSION}: use a throng as new as the one that wrote it")]
    Version(u8),
    #[error("it is damaged: its checksum is another one")]
    Checksum,
    #[error("it is damaged: it makes no sense")]
    Malformed,
}

/// The bytes of a value, for the wire.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// The value of bytes from the wire.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| DecodeError::Malformed),
        Some((&version, _)) => Err(DecodeError::Version(version)),
        None => Err(DecodeError::Malformed),
    }
}

/// The bytes of a value, for the disk.
pub(crate) fn seal<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = postcard::to_extend(value, vec![0; SEAL_BYTES]).unwrap_or_default();
    if let Some((head, rest)) = bytes.split_at_mut_checked(SEAL_BYTES) {
        head[0] = VERSION;
        head[1..].copy_from_slice(&crc32fast::hash(rest).to_le_bytes());
    }
    bytes
}

/// The value of bytes from the disk.
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (head, rest) = bytes.split_at_checked(SEAL_BYTES).ok_or(DecodeError::Malformed)?;
    if head[0] != VERSION {
        return Err(DecodeError::Version(head[0]));
    }
    if head[1..] != crc32fast::hash(rest).to_le_bytes() {
        return Err(DecodeError::Checksum);
    }
    postcard::from_bytes(rest).map_err(|_| DecodeError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_they_went_in() {
        let value = (7_u64, "text".to_owned(), Some(vec![1_u8, 2]));
        assert_eq!(decode(&encode(&value)), Ok(value.clone()));
        assert_eq!(unseal(&seal(&value)), Ok(value));
    }

    #[test]
    fn damage_and_other_versions_are_told_apart() {
        let sealed = seal(&(7_u64, "text".to_owned()));
        for index in 1..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert_eq!(unseal::<(u64, String)>(&damaged), Err(DecodeError::Checksum), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert!(unseal::<(u64, String)>(&sealed[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(unseal::<u64>(&[2, 0, 0, 0, 0]), Err(DecodeError::Version(2)));
        assert_eq!(decode::<u64>(&[9]), Err(DecodeError::Version(9)));
        assert_eq!(decode::<u64>(&[]), Err(DecodeError::Malformed));
    }
}
