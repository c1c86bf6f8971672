//! End-to-end tests: the real binary as a process, real clients, a backend that speaks OTLP. One binary, so that it is linked
//! once. Nothing asserts how fast anything is; what is waited for is polled.

mod admin;
mod auth;
mod cli;
mod delivery;
mod deploy;
mod gateways_by_dns;
mod hostile_input;
mod hot_load;
mod kubernetes;
mod languages;
mod memory;
mod oci;
mod own_metrics;
mod plugin_bench;
mod plugin_tools;
mod plugins;
mod policies;
mod processors;
mod project;
mod reload;
mod rollout;
mod sdk;
mod seed_configs;
mod signals;
mod statements;
mod tls;
mod transforms;
mod two_tier;
mod walk;
mod yaml;
