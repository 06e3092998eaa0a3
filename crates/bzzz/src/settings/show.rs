//! `bzzz config show`: every value with its source, secrets masked.

use serde::Serialize;

use super::agents::AgentSetting;
use super::check;
use super::keys::KEYS;
use super::layers::Layers;
use super::source::Source;
use super::typed::Settings;
use super::value::Value;

/// One line of the listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Dotted key.
    pub key: &'static str,
    /// Value; none when it is unset and has no default.
    pub value: Option<Value>,
    /// Where it came from.
    pub source: Source,
    /// Environment variable that sets it.
    pub env: String,
    /// Short variable, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_env: Option<&'static str>,
}

/// The whole listing.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// The file that was read.
    pub file: Option<String>,
    /// Every key in the order of the table.
    pub settings: Vec<Entry>,
    /// Agents that are hosted in the end.
    pub agents: Vec<AgentSetting>,
}

/// Makes the listing.
pub fn listing(layers: &Layers) -> Listing {
    let settings = KEYS
        .iter()
        .map(|key| Entry {
            key: key.name,
            value: layers
                .get(key.name)
                .map(|value| if key.secret { masked(value) } else { value.clone() }),
            source: layers.source(key.name).cloned().unwrap_or(Source::Default),
            env: key.env(),
            short_env: key.short,
        })
        .collect();
    Listing {
        file: layers.file.as_ref().map(|path| path.display().to_string()),
        settings,
        agents: Settings::from_layers(layers)
            .map(|settings| settings.agents)
            .unwrap_or_default(),
    }
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(check::mask_url(text)),
        _ => Value::Text("***".to_owned()),
    }
}
