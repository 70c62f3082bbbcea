//! What one client may still do in one window, as bytes and back.

/// What one client may still do in one window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bucket {
    /// When its window began, in nanoseconds since the Unix epoch: what tells windows apart.
    pub(crate) window: u64,
    /// How many requests are left.
    pub(crate) left: u32,
}

impl Bucket {
    /// The form in shared data.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.window.to_le_bytes().to_vec();
        bytes.extend(self.left.to_le_bytes());
        bytes
    }

    /// Reads the form in shared data. Any module with the same VM id can write there, so nothing is
    /// taken for granted.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (window, left) = bytes.split_first_chunk()?;
        let left = left.try_into().ok()?;
        Some(Self { window: u64::from_le_bytes(*window), left: u32::from_le_bytes(left) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_survives_the_way_through_shared_data() {
        let bucket = Bucket { window: u64::MAX - 1, left: 7 };
        assert_eq!(Bucket::from_bytes(&bucket.to_bytes()), Some(bucket));
    }

    #[test]
    fn other_bytes_are_no_bucket() {
        for size in (0..20).filter(|size| *size != 12) {
            assert_eq!(Bucket::from_bytes(&vec![0; size]), None, "{size} bytes");
        }
    }
}
