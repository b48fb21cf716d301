//! The protocol: bytes in, bytes out, no socket, no clock.
