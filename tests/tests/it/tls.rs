//! TLS with openssl as the other side: who gets in, who does not, and certificates that change while everything runs.

mod clients;
mod openssl;
mod pages;
mod rotation;
mod servers;
