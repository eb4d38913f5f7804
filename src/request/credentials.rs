//! Tells credentials of a team's store from other variables.
//!
//! Promises: the variables that stores' own tools take credentials from are known.
//! Does not promise: to know credentials in files, or variables that a store gets by another name.

/// Variables with credentials of stores, and the beginnings of their names. Programs of a build do not get them.
const CREDENTIALS: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "DEV_BIN_REMOTE_",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CREDENTIALS",
];
const CREDENTIALS_OF_S3: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];
const CREDENTIALS_OF_AZURE: &[&str] = &[
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_STORAGE_",
];

/// Returns true for a variable that a team's store may take credentials from.
pub(super) fn is_credential(name: &str) -> bool {
    [CREDENTIALS, CREDENTIALS_OF_S3, CREDENTIALS_OF_AZURE].into_iter().flatten().any(|known| {
        let is_beginning = known.ends_with('_');
        if is_beginning { name.starts_with(known) } else { name == *known }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_from_other_variables() {
        for (name, expected) in [
            ("AWS_SECRET_ACCESS_KEY", true),
            ("AWS_REGION", false),
            ("AZURE_STORAGE_KEY", true),
            ("DEV_BIN_REMOTE_SIGNING_KEY_FILE", true),
            ("GOOGLE_APPLICATION_CREDENTIALS", true),
            ("CARGO_HOME", false),
        ] {
            assert_eq!(is_credential(name), expected, "{name}");
        }
    }
}
