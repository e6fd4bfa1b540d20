//! What somebody is to have.

use emboflow_model::access::{Caller, MAX_BINDINGS, Powers, ProjectScope};
use emboflow_protocol::{ErrorCode, FieldError};

use crate::app::App;
use crate::problem::{Failure, Outcome};

/// Refuses what the caller may not give, and bindings in projects that are not there: they would be typing errors that
/// nobody notices.
pub(crate) fn check(app: &App, caller: &Caller, powers: &Powers) -> Outcome<()> {
    if !caller.may_give(powers) {
        let detail =
            "a key or a service makes no administrator of the platform, and gives nothing where it is denied";
        return Err(Failure::new(ErrorCode::AuthForbidden, detail).with_hint("sign in as a person"));
    }
    if powers.bindings.len() > MAX_BINDINGS {
        let detail = format!("`bindings` has {} entries; at most {MAX_BINDINGS}", powers.bindings.len());
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    for (index, binding) in powers.bindings.iter().enumerate() {
        if let ProjectScope::One(project) = &binding.project
            && app.access.projects.find(project.as_str()).is_none()
        {
            let message = format!("there is no project '{project}'");
            let pointer = Some(format!("/powers/bindings/{index}/project"));
            let field = FieldError { pointer, ..FieldError::new(ErrorCode::RequestInvalid, message.clone()) };
            return Err(Failure::new(ErrorCode::RequestInvalid, message).with_errors(vec![field]));
        }
    }
    Ok(())
}
