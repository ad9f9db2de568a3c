//! Which signature version a call uses, and for which region. Pure; the signatures themselves are in `sign`.

use super::sign::SignatureVersion;

/// What the operator says about signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureSettings {
    /// `SLS_SIGNATURE_VERSION`.
    pub version: SignatureVersion,
    /// `SLS_REGION`: for endpoints that name no region.
    pub region: Option<String>,
}

/// How requests are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// HMAC-SHA1.
    V1,
    /// HMAC-SHA256 for a region.
    V4 {
        /// Region id, as `cn-hangzhou`.
        region: String,
    },
}

impl SignatureSettings {
    /// The signing of a call: the region of the endpoint, else of the settings, else of the platform (`design.md` §2). `None` where
    /// version 4 is wanted and nobody names a region.
    pub fn signing(&self, endpoint_region: Option<&str>, platform_region: Option<&str>) -> Option<Signing> {
        let region = endpoint_region.or(self.region.as_deref()).or(platform_region);
        let version4 = match self.version {
            SignatureVersion::V1 => false,
            SignatureVersion::V4 => true,
            // The one kind of zone for which an official client switches by itself (`reference/sls.md` §1, row "acdr").
            SignatureVersion::Auto => region.is_some_and(|region| region.contains("-acdr-ut-")),
        };
        if version4 { region.map(|region| Signing::V4 { region: region.to_owned() }) } else { Some(Signing::V1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signing(version: SignatureVersion, endpoint: Option<&str>, setting: Option<&str>, platform: Option<&str>) -> Option<Signing> {
        SignatureSettings { version, region: setting.map(str::to_owned) }.signing(endpoint, platform)
    }

    #[test]
    fn auto_is_version_1_but_for_zones_that_demand_4() {
        assert_eq!(signing(SignatureVersion::Auto, Some("cn-hangzhou"), None, None), Some(Signing::V1));
        assert_eq!(signing(SignatureVersion::Auto, None, None, None), Some(Signing::V1));
        let zone = "cn-heyuan-acdr-ut-1";
        assert_eq!(signing(SignatureVersion::Auto, Some(zone), None, None), Some(Signing::V4 { region: zone.into() }));
    }

    #[test]
    fn the_endpoint_names_the_region_before_settings_and_platform_do() {
        let region = |endpoint, setting, platform| signing(SignatureVersion::V4, endpoint, setting, platform);
        let v4 = |region: &str| Some(Signing::V4 { region: region.into() });
        assert_eq!(region(Some("a"), Some("b"), Some("c")), v4("a"));
        assert_eq!(region(None, Some("b"), Some("c")), v4("b"));
        assert_eq!(region(None, None, Some("c")), v4("c"));
        assert_eq!(region(None, None, None), None);
    }
}
