//! The stretch of time in sight: changed by wheel, keys, buttons and by dragging; kept in the address.

use dioxus::html::geometry::WheelDelta;
use dioxus::html::input_data::MouseButton;
use dioxus::prelude::*;

use super::scale::Scale;
use super::zoom::{STEP, Zoom};
use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::place::{PLACE, adjust, here};

/// Element that the moments are drawn in.
pub(super) const SCALE_ID: &str = "timeline-scale";
/// A pause of the wheel after which the address follows: a browser limits how often it may change.
const WHEEL_REST_MS: i32 = 150;
/// Less than this is a click, not a range.
const LEAST_DRAG_PX: f64 = 5.0;
/// One step to the side, as a share of what is in sight.
const SIDEWAYS: f64 = 0.25;

/// What is in sight, and the range that is being dragged over.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Window {
    zoom: Signal<Zoom>,
    turns: Signal<u32>,
    drag: Signal<Option<(f64, f64)>>,
    /// The click that ends a drag means nothing.
    dragged: Signal<bool>,
}

pub(super) fn use_window() -> Window {
    let window = Window {
        zoom: use_signal(Zoom::default),
        turns: use_signal(|| 0),
        drag: use_signal(|| None),
        dragged: use_signal(|| false),
    };
    use_effect(move || {
        let wanted = Zoom::of(PLACE.read().get("zoom"));
        let mut zoom = window.zoom;
        if *zoom.peek() != wanted {
            zoom.set(wanted);
        }
    });
    window
}

impl Window {
    pub(super) fn zoom(self) -> Zoom {
        *self.zoom.read()
    }

    /// The range that is being dragged over, in pixels from its left edge.
    pub(super) fn range(self) -> Option<(f64, f64)> {
        let (from, to) = (*self.drag.read())?;
        (is_range(from, to)).then(|| (from.min(to), from.max(to)))
    }

    /// Whether this click only ends a drag.
    pub(super) fn swallows_click(mut self) -> bool {
        std::mem::take(&mut *self.dragged.write())
    }

    fn set(mut self, zoom: Zoom) {
        self.zoom.set(zoom);
        adjust(here().with("zoom", &zoom.word()));
    }

    fn set_soon(mut self, zoom: Zoom) {
        self.zoom.set(zoom);
        self.turns += 1;
        let turn = *self.turns.peek();
        spawn(async move {
            browser::sleep_ms(WHEEL_REST_MS).await;
            if *self.turns.peek() == turn {
                adjust(here().with("zoom", &self.zoom.peek().word()));
            }
        });
    }

    /// With Ctrl or Meta the wheel zooms around the pointer; sideways it moves.
    pub(super) fn wheel(self, event: &WheelEvent, scale: Scale, whole_ms: f64) {
        let (x, y) = match event.delta() {
            WheelDelta::Pixels(delta) => (delta.x, delta.y),
            WheelDelta::Lines(delta) => (delta.x * 20.0, delta.y * 20.0),
            WheelDelta::Pages(delta) => (delta.x * 400.0, delta.y * 400.0),
        };
        let keys = event.modifiers();
        let zoom = *self.zoom.peek();
        if keys.ctrl() || keys.meta() {
            event.prevent_default();
            let at = scale.ms(event.client_coordinates().x - browser::left_of(SCALE_ID));
            self.set_soon(zoom.by((y / 400.0).clamp(-0.5, 0.5).exp2().powi(2), at, whole_ms));
        } else if !zoom.is_whole() && x.abs() > y.abs() {
            event.prevent_default();
            self.set_soon(zoom.moved(x / 800.0, whole_ms));
        }
    }

    pub(super) fn press(mut self, event: &PointerEvent, width_px: f64) {
        self.dragged.set(false);
        let x = event.client_coordinates().x - browser::left_of(SCALE_ID);
        // A finger scrolls; the buttons are for it.
        let draws = event.trigger_button() == Some(MouseButton::Primary) && event.pointer_type() != "touch";
        self.drag.set((draws && (0.0..=width_px).contains(&x)).then_some((x, x)));
    }

    pub(super) fn drag_on(mut self, event: &PointerEvent) {
        let Some((from, _)) = *self.drag.peek() else { return };
        self.drag.set(Some((from, event.client_coordinates().x - browser::left_of(SCALE_ID))));
    }

    pub(super) fn release(mut self, scale: Scale, whole_ms: f64) {
        let Some((from, to)) = *self.drag.peek() else { return };
        self.drag.set(None);
        if is_range(from, to) {
            self.dragged.set(true);
            self.set(Zoom::to(scale.ms(from), scale.ms(to), whole_ms));
        }
    }

    /// Plus, minus, nought and the arrows, while the timeline has the focus.
    pub(super) fn key(self, event: &KeyboardEvent, whole_ms: f64) {
        let zoom = *self.zoom.peek();
        let keys = event.modifiers();
        if keys.ctrl() || keys.meta() || keys.alt() {
            return;
        }
        let next = match event.key() {
            Key::Character(letter) => match letter.as_str() {
                "+" | "=" => zoom.by_middle(STEP, whole_ms),
                "-" => zoom.by_middle(1.0 / STEP, whole_ms),
                "0" => Zoom::default(),
                _ => return,
            },
            Key::ArrowLeft => zoom.moved(-SIDEWAYS, whole_ms),
            Key::ArrowRight => zoom.moved(SIDEWAYS, whole_ms),
            _ => return,
        };
        event.prevent_default();
        self.set(next);
    }
}

fn is_range(from: f64, to: f64) -> bool {
    (to - from).abs() >= LEAST_DRAG_PX
}

/// The buttons that do what the wheel does.
#[component]
pub(super) fn Buttons(window: Window, whole_ms: f64) -> Element {
    let zoom = window.zoom();
    let whole = zoom.is_whole();
    let all = [
        ("Earlier", Icon::Left, zoom.moved(-SIDEWAYS, whole_ms), whole),
        ("Later", Icon::Right, zoom.moved(SIDEWAYS, whole_ms), whole),
        ("Zoom out", Icon::Minus, zoom.by_middle(1.0 / STEP, whole_ms), whole),
        ("Zoom in", Icon::Plus, zoom.by_middle(STEP, whole_ms), false),
        ("Show the whole run", Icon::Reset, Zoom::default(), whole),
    ];
    rsx! {
        div { class: "zoom", role: "group", "aria-label": "Zoom",
            for (name , icon , next , off) in all {
                button {
                    key: "{name}",
                    class: "button ghost small square",
                    r#type: "button",
                    title: name,
                    "aria-label": name,
                    // Not disabled: the button under the fingers must not lose the focus.
                    "aria-disabled": if off { "true" } else { "false" },
                    onclick: move |_| if !off { window.set(next) },
                    Drawn { icon }
                }
            }
        }
    }
}
