//! Which agents may join which coordinators.

/// Why an agent may not join, for its user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionMismatch {
    /// Windows and orders may mean something else to it.
    #[error(
        "the agent runs throng {agent}, and the coordinators run {coordinator}: an agent has to have their major and minor \
         version; install throng {wanted} on the agent's machine, or bring the coordinators to {agent} first"
    )]
    Other {
        /// The agent's.
        agent: String,
        /// The coordinator's.
        coordinator: String,
        /// What the agent is to have, such as `0.1.x`.
        wanted: String,
    },
    /// It is none.
    #[error("`{0}` is no version of throng; a version is such as 0.1.0")]
    Malformed(String),
}

/// Whether an agent of that version may join a coordinator of this one: its major and minor version are the same.
///
/// # Errors
///
/// When they aren't, or one of them is no version.
pub fn check_version(agent: &str, coordinator: &str) -> Result<(), VersionMismatch> {
    let of_agent = major_and_minor(agent)?;
    let (major, minor) = major_and_minor(coordinator)?;
    if of_agent == (major, minor) {
        return Ok(());
    }
    Err(VersionMismatch::Other {
        agent: agent.to_owned(),
        coordinator: coordinator.to_owned(),
        wanted: format!("{major}.{minor}.x"),
    })
}

fn major_and_minor(version: &str) -> Result<(u32, u32), VersionMismatch> {
    let malformed = || VersionMismatch::Malformed(version.chars().take(64).collect());
    // What follows the patch, such as `-rc.1`, is a part of it.
    let mut numbers = version.splitn(3, '.');
    let mut next = || numbers.next().and_then(|number| number.parse().ok());
    let (major, minor) = next().zip(next()).ok_or_else(malformed)?;
    let patch = numbers.next().ok_or_else(malformed)?;
    if !patch.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(malformed());
    }
    Ok((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_patch_is_taken_and_another_minor_is_not() {
        for agent in ["0.1.0", "0.1.7", "0.1.1-rc.1"] {
            assert_eq!(check_version(agent, "0.1.3"), Ok(()), "{agent}");
        }
        for agent in ["0.2.0", "1.1.3", "0.0.9"] {
            let text = check_version(agent, "0.1.3").unwrap_err().to_string();
            assert!(text.contains(&format!("the agent runs throng {agent}")), "{text}");
            assert!(text.contains("the coordinators run 0.1.3") && text.contains("install throng 0.1.x"), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_told() {
        for version in ["", "0", "0.1", "a.b.c", "0.1.x", "-1.0.0", &"9".repeat(500)] {
            let error = check_version(version, "0.1.3").unwrap_err();
            assert!(matches!(&error, VersionMismatch::Malformed(text) if text.len() <= 64), "{version}: {error}");
        }
    }
}
