//! Generated from `wit/plugin.wit`.

wit_bindgen::generate!({
    world: "sampler",
    path: "../../wit",
    pub_export_macro: true,
    export_macro_name: "export_sampler",
    default_bindings_module: "tailrace_sdk::bindings",
    additional_derives: [Default, Clone],
    additional_derives_ignore: ["level", "scope", "fields", "error", "attribute", "requirements"],
});
