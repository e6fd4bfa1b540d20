//! Every view is an address: path and query to route and back.

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The list of runs.
    Runs,
    /// One run.
    Run {
        /// Its id, as written in the address.
        id: String,
        /// What of it.
        tab: Tab,
    },
    /// The list of workflows.
    Workflows,
    /// One workflow.
    Workflow {
        /// Its name, as written in the address.
        name: String,
    },
    /// The triggers of the project.
    Triggers,
    /// One trigger.
    Trigger {
        /// Its name, as written in the address.
        name: String,
    },
    /// An editor for a workflow file that is run once.
    New,
    /// The executors.
    Executors,
    /// The queues in which runs wait.
    Queues,
    /// The secrets of the project.
    Secrets,
    /// Files that people have brought into the project.
    Uploads,
    /// To whom the ends of the project's runs are told.
    Notifications,
    /// The health of the installation.
    System,
    /// Oneself: password, sessions, keys.
    Account,
    /// The users.
    Users,
    /// The projects.
    Projects,
    /// One project: what it may use, who belongs to it.
    Project {
        /// Its name, as written in the address.
        name: String,
    },
    /// Everybody's API keys.
    Keys,
    /// Accounts of services.
    Services,
    /// Who did what.
    Audit,
    /// No such address.
    Unknown,
}

impl Route {
    /// Whether both are views of the same thing.
    pub(crate) fn is_same_page(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run { id, .. }, Self::Run { id: other, .. }) => id == other,
            _ => self == other,
        }
    }

    /// Whether it shows something of one project, which is then part of the address.
    pub(crate) fn is_in_project(&self) -> bool {
        match self {
            Self::Runs
            | Self::Run { .. }
            | Self::Workflows
            | Self::Workflow { .. }
            | Self::Triggers
            | Self::Trigger { .. }
            | Self::New
            | Self::Notifications
            | Self::Secrets
            | Self::Uploads => true,
            Self::Executors
            | Self::Queues
            | Self::System
            | Self::Account
            | Self::Users
            | Self::Projects
            | Self::Project { .. }
            | Self::Keys
            | Self::Services
            | Self::Audit
            | Self::Unknown => false,
        }
    }
}

/// The views of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Timeline,
    Graph,
    Logs,
    Artifacts,
    Inputs,
    Events,
    Definition,
}

impl Tab {
    pub(crate) const ALL: [Tab; 7] =
        [Tab::Timeline, Tab::Graph, Tab::Logs, Tab::Artifacts, Tab::Inputs, Tab::Events, Tab::Definition];

    /// As in the address.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Tab::Timeline => "timeline",
            Tab::Graph => "graph",
            Tab::Logs => "logs",
            Tab::Artifacts => "artifacts",
            Tab::Inputs => "inputs",
            Tab::Events => "events",
            Tab::Definition => "definition",
        }
    }

    /// As people read it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Tab::Timeline => "Timeline",
            Tab::Graph => "Graph",
            Tab::Logs => "Logs",
            Tab::Artifacts => "Artifacts",
            Tab::Inputs => "Inputs",
            Tab::Events => "Events",
            Tab::Definition => "Definition",
        }
    }
}

/// The project of addresses that name none.
pub(crate) const DEFAULT_PROJECT: &str = "default";

/// A route with its filters: one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The project; none = the one that is shown.
    project: Option<String>,
    pub(crate) route: Route,
    query: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new(route: Route) -> Self {
        Self { project: None, route, query: Vec::new() }
    }

    /// The same in a project.
    #[must_use]
    pub(crate) fn of_project(self, project: &str) -> Self {
        Self { project: Some(project.to_owned()), ..self }
    }

    /// The same in this project, unless it is in one already.
    #[must_use]
    pub(crate) fn settled(self, shown: &str) -> Self {
        Self { project: self.project.or_else(|| Some(shown.to_owned())), ..self }
    }

    /// The project that it is in.
    pub(crate) fn project(&self) -> &str {
        self.project.as_deref().unwrap_or(DEFAULT_PROJECT)
    }

    /// The default view of a run.
    pub(crate) fn run(id: impl ToString) -> Self {
        Self::new(Route::Run { id: id.to_string(), tab: Tab::Timeline })
    }

    /// Reads a path below the site's root (without leading `/`) and a query (without `?`).
    pub(crate) fn parse(path: &str, query: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match parts.as_slice() {
            // Nothing is said of a project: the one that was shown last.
            [] => Self { project: None, route: Route::Runs, query },
            ["projects", project, rest @ ..] if !rest.is_empty() => {
                let route = Some(route(rest)).filter(Route::is_in_project).unwrap_or(Route::Unknown);
                Self { project: Some((*project).to_owned()), route, query }
            }
            rest => {
                let route = route(rest);
                let project = route.is_in_project().then(|| DEFAULT_PROJECT.to_owned());
                Self { project, route, query }
            }
        }
    }

    /// The address relative to the site's root.
    pub(crate) fn address(&self) -> String {
        let path = match &self.route {
            Route::Runs | Route::Unknown => "runs".to_owned(),
            Route::Run { id, tab: Tab::Timeline } => format!("runs/{}", encode(id)),
            Route::Run { id, tab } => format!("runs/{}/{}", encode(id), tab.word()),
            Route::Workflows => "workflows".to_owned(),
            Route::Workflow { name } => format!("workflows/{}", encode(name)),
            Route::Triggers => "triggers".to_owned(),
            Route::Trigger { name } => format!("triggers/{}", encode(name)),
            Route::New => "new".to_owned(),
            Route::Secrets => "secrets".to_owned(),
            Route::Uploads => "uploads".to_owned(),
            Route::Notifications => "notifications".to_owned(),
            Route::Executors => "executors".to_owned(),
            Route::Queues => "queues".to_owned(),
            Route::System => "system".to_owned(),
            Route::Account => "account".to_owned(),
            Route::Users => "users".to_owned(),
            Route::Projects => "projects".to_owned(),
            Route::Project { name } => format!("projects/{}", encode(name)),
            Route::Keys => "keys".to_owned(),
            Route::Services => "services".to_owned(),
            Route::Audit => "audit".to_owned(),
        };
        let path = match self.project() {
            DEFAULT_PROJECT => path,
            project if self.route.is_in_project() => format!("projects/{}/{path}", encode(project)),
            _ => path,
        };
        if self.query.is_empty() {
            return path;
        }
        format!("{path}?{}", self.query())
    }

    /// The filters alone, as in the address.
    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish()
    }

    /// The value of a filter, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same place with this filter; an empty value takes it away.
    #[must_use]
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut query = self.query.clone();
        query.retain(|(key, _)| key != name);
        if !value.is_empty() {
            query.push((name.to_owned(), value.to_owned()));
        }
        Self { project: self.project.clone(), route: self.route.clone(), query }
    }

    /// Another tab of the same run, with the same selection.
    #[must_use]
    pub(crate) fn with_tab(&self, tab: Tab) -> Self {
        match &self.route {
            Route::Run { id, .. } => {
                let mut place =
                    Self { project: self.project.clone(), ..Self::new(Route::Run { id: id.clone(), tab }) };
                for kept in ["task", "attempt", "zoom"] {
                    place = place.with(kept, self.get(kept).unwrap_or_default());
                }
                place
            }
            _ => self.clone(),
        }
    }
}

/// The route of a path, the project apart.
fn route(parts: &[&str]) -> Route {
    match parts {
        ["runs"] => Route::Runs,
        ["runs", id] => Route::Run { id: (*id).to_owned(), tab: Tab::Timeline },
        ["runs", id, word] => match Tab::ALL.into_iter().find(|tab| tab.word() == *word) {
            Some(tab) => Route::Run { id: (*id).to_owned(), tab },
            None => Route::Unknown,
        },
        ["workflows"] => Route::Workflows,
        ["workflows", name] => Route::Workflow { name: (*name).to_owned() },
        ["triggers"] => Route::Triggers,
        ["triggers", name] => Route::Trigger { name: (*name).to_owned() },
        ["new"] => Route::New,
        ["secrets"] => Route::Secrets,
        ["uploads"] => Route::Uploads,
        ["notifications"] => Route::Notifications,
        ["executors"] => Route::Executors,
        ["queues"] => Route::Queues,
        ["system"] => Route::System,
        ["account"] => Route::Account,
        ["users"] => Route::Users,
        ["projects"] => Route::Projects,
        ["projects", name] => Route::Project { name: (*name).to_owned() },
        ["keys"] => Route::Keys,
        ["services"] => Route::Services,
        ["audit"] => Route::Audit,
        _ => Route::Unknown,
    }
}

fn decode(part: &str) -> String {
    // `+` stands for itself in a path; only the query writes a space that way.
    let pair = part.replace('+', "%2B");
    form_urlencoded::parse(pair.as_bytes()).next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

/// One segment of a path.
pub(crate) fn encode(segment: &str) -> String {
    form_urlencoded::byte_serialize(segment.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_to_the_same_place() {
        let places = [
            Place::new(Route::Runs).with("state", "failed,running").with("search", "a b&c=d"),
            Place::run("run-01"),
            Place::new(Route::Run { id: "run-01".to_owned(), tab: Tab::Logs }).with("task", "train[3]"),
            Place::new(Route::Workflow { name: "digits".to_owned() }),
            Place::new(Route::System),
            Place::new(Route::Trigger { name: "nightly".to_owned() }).of_project("lab"),
            Place::new(Route::Project { name: "lab".to_owned() }),
            Place::run("run-01").of_project("lab").with("task", "a"),
            Place::new(Route::Secrets).of_project("lab"),
        ];
        for place in places {
            let place = if place.route.is_in_project() { place.settled(DEFAULT_PROJECT) } else { place };
            let address = place.address();
            let (path, query) = address.split_once('?').unwrap_or((&address, ""));
            assert_eq!(Place::parse(path, query), place, "{address}");
        }
    }

    #[test]
    fn an_empty_filter_leaves_the_address() {
        let place = Place::new(Route::Runs).with("state", "failed").with("state", "");
        assert_eq!(place.address(), "runs");
    }

    #[test]
    fn a_strange_address_is_unknown_and_not_an_error() {
        for path in
            ["nothing", "runs/a/b/c", "runs/a/nothing", "system/x", "projects/lab/users", "projects/lab/x"]
        {
            assert_eq!(Place::parse(path, "").route, Route::Unknown, "{path}");
        }
    }

    #[test]
    fn an_address_without_a_project_is_of_the_default_one_and_the_root_of_the_last() {
        assert_eq!(Place::parse("runs", "").project, Some(DEFAULT_PROJECT.to_owned()));
        assert_eq!(Place::parse("", "").settled("lab").address(), "projects/lab/runs");
        assert_eq!(Place::parse("projects/default/runs", "").address(), "runs");
        assert_eq!(Place::new(Route::System).of_project("lab").address(), "system");
    }

    #[test]
    fn another_tab_keeps_the_selection_only() {
        let place = Place::run("run-01").with("task", "train[3]").with("find", "x");
        assert_eq!(place.with_tab(Tab::Logs).address(), "runs/run-01/logs?task=train%5B3%5D");
    }
}
