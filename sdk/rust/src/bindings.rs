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

/// The world `transforms`; what both worlds have in common is one set of types.
pub mod transforms {
    wit_bindgen::generate!({
        world: "transforms",
        path: "../../wit",
        pub_export_macro: true,
        export_macro_name: "export_transforms",
        default_bindings_module: "tailrace_sdk::bindings::transforms",
        with: {
            "tailrace:plugin/host@0.1.0": crate::bindings::tailrace::plugin::host,
            "tailrace:plugin/types@0.1.0": crate::bindings::tailrace::plugin::types,
        },
    });
}

/// What the host offers beyond the two worlds: a component imports of it what it uses.
pub mod capabilities {
    wit_bindgen::generate!({
        inline: "package tailrace:sdk; world capabilities { import tailrace:request/context@0.1.0; }",
        path: "../../wit",
        world: "tailrace:sdk/capabilities",
        generate_all,
        default_bindings_module: "tailrace_sdk::bindings::capabilities",
    });
}
