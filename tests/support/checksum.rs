//! Checksums as whoever changes a file would make them right again.

/// CRC-32 (ISO-HDLC), bit by bit: the library's own is not to be believed where it is tested.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}
