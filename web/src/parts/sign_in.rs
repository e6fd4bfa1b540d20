//! What a browser sees that nobody has signed in with.

use dioxus::prelude::*;
use emboflow_protocol::http::access::{PasswordSignIn, SignInWays, TokenSignIn};

use crate::api::{self, ApiError};
use crate::app::CLOCK;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::parts::banner::{Loading, Problem};
use crate::place::here;

/// Stands where an answer said that the session is over: the whole page becomes that of signing in.
#[component]
pub(crate) fn SignedOut() -> Element {
    use_effect(me::ended);
    rsx! {}
}

#[component]
pub(crate) fn SignInPage(
    /// The session was good a moment ago.
    ended: bool,
) -> Element {
    use_effect(|| browser::set_title("Sign in · EmboFlow"));
    let mut ways = use_resource(api_ways);
    let refused = here().get("sign-in").map(str::to_owned);
    let shown = ways.read().clone();
    rsx! {
        main { class: "sign-in", id: "content",
            div { class: "brand",
                span { class: "brand-mark", "aria-hidden": "true" }
                span { class: "brand-name", "EmboFlow" }
            }
            h1 { "Sign in" }
            if ended {
                div { class: "banner warn", role: "status",
                    Drawn { icon: Icon::Clock }
                    p { "Your session has ended. Sign in again to go on where you were; runs go on in any case." }
                }
            }
            if let Some(refused) = refused {
                div { class: "banner bad", role: "alert",
                    Drawn { icon: Icon::Alert }
                    div { class: "grow",
                        p { "The identity provider's sign-in was not accepted." }
                        p { class: "mono soft", "{refused}" }
                    }
                }
            }
            match shown {
                None => rsx! { Loading { rows: 3 } },
                Some(Err(error)) => rsx! { Problem { error, retry: move |()| ways.restart() } },
                Some(Ok(ways)) => rsx! { Ways { ways } },
            }
        }
    }
}

async fn api_ways() -> Result<SignInWays, ApiError> {
    api::get::<SignInWays>(&api::of_site("session/ways")).await
}

#[component]
fn Ways(ways: SignInWays) -> Element {
    let only_token = !ways.password && ways.provider.is_none();
    rsx! {
        if let Some(provider) = &ways.provider {
            // A real link: the provider's page takes the place of this one.
            a { class: "button primary wide", href: api::of_site("session/oidc"), "Continue with {provider.label}" }
        }
        if ways.provider.is_some() && ways.password {
            p { class: "or", "or" }
        }
        if ways.password {
            WithPassword {}
        }
        if ways.token {
            details { class: "card", open: only_token,
                summary { class: "card-head", "With the installation's token" }
                WithToken {}
            }
        }
    }
}

/// What became of the last try.
#[derive(Clone, Copy, PartialEq)]
struct Try {
    busy: Signal<bool>,
    refused: Signal<Option<String>>,
    /// No other try before this moment (Unix milliseconds).
    wait_until: Signal<i64>,
}

fn use_try() -> Try {
    Try { busy: use_signal(|| false), refused: use_signal(|| None), wait_until: use_signal(|| 0) }
}

impl Try {
    /// Takes what the server said; signed in, the page is loaded anew where it was.
    fn ended(mut self, outcome: Result<(), (ApiError, Option<u32>)>, wrong: &str) {
        self.busy.set(false);
        match outcome {
            Ok(()) => browser::reload(),
            Err((error, Some(wait))) if error.is_too_often() => {
                self.wait_until.set(browser::now_ms() + i64::from(wait) * 1_000);
                self.refused.set(None);
            }
            Err((error, _)) if error.wants_sign_in() => self.refused.set(Some(wrong.to_owned())),
            Err((error, _)) => self.refused.set(Some(error.short())),
        }
    }

    /// Milliseconds until another try is taken.
    fn waits(self) -> u64 {
        u64::try_from((self.wait_until)() - *CLOCK.read()).unwrap_or(0)
    }
}

#[component]
fn Outcome(of: Try) -> Element {
    let waits = of.waits();
    let refused = of.refused.read().clone();
    rsx! {
        div { role: "alert",
            if waits > 0 {
                p { class: "wrong", "Too many wrong tries. The next one is taken in a moment." }
            } else if let Some(refused) = refused {
                p { class: "wrong", "{refused}" }
            }
        }
        if waits > 0 {
            p { class: "soft", "data-locked": "true", {format!("Try again in {}.", format::left(waits))} }
        }
    }
}

#[component]
fn WithPassword() -> Element {
    let mut user = use_signal(String::new);
    let mut password = use_signal(String::new);
    let mut tried = use_try();
    let is_filled = !user.read().trim().is_empty() && !password.read().is_empty();
    rsx! {
        form {
            class: "card",
            onsubmit: move |event| {
                event.prevent_default();
                spawn(async move {
                    tried.busy.set(true);
                    let body = PasswordSignIn { user: user.peek().trim().to_lowercase(), password: password() };
                    tried.ended(api::sign_in(&body).await, "There is no such user, or the password is another one.");
                });
            },
            div { class: "card-body stack",
                div { class: "field",
                    label { r#for: "user", "User" }
                    input {
                        id: "user",
                        class: "input",
                        r#type: "text",
                        autocomplete: "username",
                        autocapitalize: "none",
                        spellcheck: "false",
                        value: "{user}",
                        oninput: move |event| user.set(event.value()),
                    }
                }
                div { class: "field",
                    label { r#for: "password", "Password" }
                    input {
                        id: "password",
                        class: "input",
                        r#type: "password",
                        autocomplete: "current-password",
                        value: "{password}",
                        oninput: move |event| password.set(event.value()),
                    }
                }
                Outcome { of: tried }
                button { class: "button primary wide", r#type: "submit", disabled: (tried.busy)() || !is_filled || tried.waits() > 0,
                    Drawn { icon: Icon::Check }
                    "Sign in"
                }
                p { class: "dim", "Forgotten? An administrator can send you a link with which you choose another one." }
            }
        }
    }
}

#[component]
fn WithToken() -> Element {
    let mut token = use_signal(String::new);
    let mut tried = use_try();
    rsx! {
        form {
            class: "card-body stack",
            onsubmit: move |event| {
                event.prevent_default();
                spawn(async move {
                    tried.busy.set(true);
                    let body = TokenSignIn { token: token.peek().trim().to_owned() };
                    tried.ended(api::sign_in(&body).await, "This is not the installation's token.");
                });
            },
            p { class: "soft",
                "Open the link that "
                code { "emboflow up" }
                " printed; it signs this browser in. Or paste the token from "
                code { "up.json" }
                " in its data directory."
            }
            div { class: "field",
                label { r#for: "token", "Token" }
                input {
                    id: "token",
                    class: "input mono",
                    r#type: "password",
                    autocomplete: "off",
                    value: "{token}",
                    oninput: move |event| token.set(event.value()),
                }
            }
            Outcome { of: tried }
            div {
                button { class: "button", r#type: "submit", disabled: (tried.busy)() || token.read().trim().is_empty() || tried.waits() > 0,
                    "Sign in with the token"
                }
            }
        }
    }
}
