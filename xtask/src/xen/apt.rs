//! The system's apt: as it is set up, or looking at another suite of the same archive with a state of its own.

use crate::shell;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What apt tells of each list of packages that it is set up for, one a line.
const TARGETS: &str = "$(ORIGIN)\t$(LABEL)\t$(REPO_URI)\t$(COMPONENT)";

/// Where packages come from.
#[derive(Debug)]
pub(crate) enum Apt {
    /// The suites that the system is set up for.
    System,
    /// Another one, by a configuration of its own.
    Suite(Suite),
}

/// A suite of the archive that the system comes from. Nothing of the system's apt is touched for it.
#[derive(Debug)]
pub(crate) struct Suite {
    /// Where all that apt keeps for it is.
    pub(crate) folder: PathBuf,
    /// What the system calls itself, and its archive.
    pub(crate) system: String,
    /// The suite's name.
    pub(crate) name: String,
}

/// A suite cannot be had here.
#[derive(Debug)]
pub(crate) struct NotHere(pub(crate) String);

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "apt's suite {}", self.0)
    }
}

impl Apt {
    /// Makes known to apt what the suite offers now; the system's own is as its last update left it.
    ///
    /// # Errors
    /// [`NotHere`] if the system comes from no archive of its name, or apt finds no such suite there.
    pub(crate) fn refresh(&self) -> Result<()> {
        match self {
            Self::System => Ok(()),
            Self::Suite(suite) => self.read(suite).context(NotHere(suite.name.clone())),
        }
    }

    fn read(&self, Suite { folder, system, name }: &Suite) -> Result<()> {
        let targets = ["indextargets", "--format", TARGETS, "Created-By: Packages"];
        let archive = Archive::find(&shell::output(Self::System.command("apt-get").args(targets))?, system)?;
        fs::create_dir_all(folder.join("lists"))?;
        fs::create_dir_all(folder.join("archives"))?;
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("sources.list"), archive.source(name))?;
        fs::write(folder.join("apt.conf"), settings(folder))?;
        shell::output(self.command("apt-get").args(["-q", "update"])).map(|_| ())
    }

    /// Starts a command line of one of apt's programs.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Self::Suite(suite) = self {
            command.arg("-c").arg(suite.folder.join("apt.conf"));
        }
        command
    }
}

/// An archive as the system is set up for it.
#[derive(Debug, PartialEq, Eq)]
struct Archive {
    uri: String,
    components: Vec<String>,
    keyring: Option<PathBuf>,
}

impl Archive {
    /// The archive whose origin is the system's name; not that of its security updates, which has another label.
    fn find<'a>(targets: &'a str, system: &str) -> Result<Self> {
        let row = |line: &'a str| <[&str; 4]>::try_from(line.split('\t').collect::<Vec<_>>()).ok();
        let own: Vec<_> = targets
            .lines()
            .filter_map(row)
            .filter(|[origin, label, ..]| origin.eq_ignore_ascii_case(system) && label == origin)
            .collect();
        let Some([_, _, uri, _]) = own.first() else {
            bail!("apt is set up for no archive of {system} (try apt-get update)");
        };
        let mut components: Vec<String> =
            own.iter().filter(|[_, _, other, _]| other == uri).map(|[.., component]| (*component).into()).collect();
        components.sort();
        components.dedup();
        let keyring = PathBuf::from(format!("/usr/share/keyrings/{system}-archive-keyring.gpg"));
        Ok(Self { uri: (*uri).into(), components, keyring: keyring.exists().then_some(keyring) })
    }

    /// The line of a `sources.list`; without a keyring, apt goes by those that the system trusts.
    fn source(&self, suite: &str) -> String {
        let keyring = self.keyring.as_ref().map(|path| format!(" signed-by={}", path.display())).unwrap_or_default();
        let components = self.components.join(" ");
        format!("deb [arch=amd64 target=Packages lang=none{keyring}] {} {suite} {components}\n", self.uri)
    }
}

/// The system's hooks after an update are for its own lists; an update that failed in part has failed.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "#clear APT::Update;\n\
         APT::Update::Error-Mode \"any\";\n\
         APT::Sandbox::User \"\";\n\
         Dir::State \"{folder}\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}\";\n\
         Dir::Etc::SourceList \"{folder}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "Other\tOther\thttp://other/\tmain\n\
                           Debian\tDebian-Security\thttp://mirror/security/\tmain\n\
                           Debian\tDebian\thttp://mirror/debian/\tmain\n\
                           Debian\tDebian\thttp://mirror/debian/\tcontrib\n\
                           Debian\tDebian\thttp://mirror/debian/\tmain\n\
                           Debian\tDebian\thttp://elsewhere/\tnon-free\n";

    #[test]
    fn the_archive_is_the_one_of_the_systems_name() {
        let archive = Archive::find(TARGETS, "debian").unwrap();
        assert_eq!(
            (archive.uri.as_str(), archive.components.join(" ")),
            ("http://mirror/debian/", "contrib main".into())
        );
        let error = Archive::find(TARGETS, "gentoo").unwrap_err().to_string();
        assert!(error.contains("no archive of gentoo"), "{error}");
        assert!(Archive::find("", "debian").is_err());
    }

    #[test]
    fn a_source_names_the_keyring_where_there_is_one() {
        let mut archive = Archive { uri: "http://m/".into(), components: vec!["main".into()], keyring: None };
        assert_eq!(archive.source("next"), "deb [arch=amd64 target=Packages lang=none] http://m/ next main\n");
        archive.keyring = Some("/keys".into());
        assert!(archive.source("next").contains("lang=none signed-by=/keys] http://m/"));
    }

    #[test]
    fn only_another_suite_has_a_configuration() {
        assert_eq!(Apt::System.command("apt-get").get_args().count(), 0);
        let suite = Suite { folder: "/folder".into(), system: "debian".into(), name: "next".into() };
        let command = Apt::Suite(suite).command("apt-get");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["-c", "/folder/apt.conf"]);
    }

    #[test]
    fn a_suite_that_cannot_be_had_is_told_from_other_errors() {
        let folder = tempfile::tempdir().unwrap();
        let suite = Suite { folder: folder.path().into(), system: "no-such-system".into(), name: "next".into() };
        let error = Apt::Suite(suite).refresh().context("around it").unwrap_err();
        assert_eq!(error.downcast_ref::<NotHere>().unwrap().to_string(), "apt's suite next");
    }
}
