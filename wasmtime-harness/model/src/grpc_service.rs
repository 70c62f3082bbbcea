//! Where a gRPC call goes: the name of a cluster, or Envoy's message `GrpcService`
//! (`envoy/config/core/v3/grpc_service.proto`), of which the model reads what it needs.

/// What names the other side of a gRPC call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target<'a> {
    /// `envoy_grpc`, with its cluster.
    Cluster(&'a [u8]),
    /// `google_grpc`, which goes to an address.
    Address,
    /// Neither.
    Nothing,
}

const ENVOY_GRPC: u64 = 1;
const GOOGLE_GRPC: u64 = 2;
const CLUSTER_NAME: u64 = 1;

/// Reads a `GrpcService`; `None` if the bytes are no protobuf message.
pub(crate) fn target(mut message: &[u8]) -> Option<Target<'_>> {
    let mut target = Target::Nothing;
    while !message.is_empty() {
        target = match field(&mut message)? {
            (ENVOY_GRPC, Some(value)) => Target::Cluster(cluster_name(value)?),
            (GOOGLE_GRPC, Some(_)) => Target::Address,
            _ => target,
        };
    }
    Some(target)
}

fn cluster_name(mut message: &[u8]) -> Option<&[u8]> {
    let mut name = &b""[..];
    while !message.is_empty() {
        if let (CLUSTER_NAME, Some(value)) = field(&mut message)? {
            name = value;
        }
    }
    Some(name)
}

/// Takes a field from the front: its number, and its bytes if it has a length of its own.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let tag = varint(message)?;
    let number = tag >> 3;
    let value = match tag & 7 {
        0 => varint(message).map(|_| None)?,
        1 => take(message, 8).map(|_| None)?,
        2 => {
            let size = usize::try_from(varint(message)?).ok()?;
            Some(take(message, size)?)
        }
        5 => take(message, 4).map(|_| None)?,
        // Groups are gone since proto3, 6 and 7 never were.
        _ => return None,
    };
    (number > 0).then_some((number, value))
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(message: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(size)?;
    *message = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_names_its_cluster() {
        // envoy_grpc { cluster_name: "keys" authority: "k" } timeout { seconds: 5 }
        let service = b"\x0a\x09\x0a\x04keys\x12\x01k\x1a\x02\x08\x05";
        assert_eq!(target(service), Some(Target::Cluster(b"keys")));
        assert_eq!(target(b"\x12\x00"), Some(Target::Address));
        assert_eq!(target(b""), Some(Target::Nothing));
        assert_eq!(target(b"\x1a\x02\x08\x05"), Some(Target::Nothing));
    }

    #[test]
    fn fields_of_every_kind_are_passed_over() {
        let fields = b"\x18\x96\x01\x21\x01\x02\x03\x04\x05\x06\x07\x08\x2d\x01\x02\x03\x04";
        let service = [&fields[..], b"\x0a\x03\x0a\x01k"].concat();
        assert_eq!(target(&service), Some(Target::Cluster(b"k")));
    }

    #[test]
    fn what_is_cut_off_or_no_message_is_told() {
        let service = b"\x0a\x06\x0a\x04keys\x21\x01\x02\x03\x04\x05\x06\x07\x08";
        for end in (1..8).chain(9..service.len()) {
            assert_eq!(target(&service[..end]), None, "cut at {end}");
        }
        for bytes in
            [&b"\x00\x01"[..], b"\x0b", b"\x0e", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
        {
            assert_eq!(target(bytes), None, "{bytes:?}");
        }
    }
}
