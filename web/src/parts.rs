//! Small parts that the pages are made of.

pub(crate) mod act;
pub(crate) mod ask;
pub(crate) mod banner;
pub(crate) mod definition;
pub(crate) mod dialog;
pub(crate) mod editor;
pub(crate) mod inputs_form;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod look_only;
pub(crate) mod maintenance;
pub(crate) mod meter;
pub(crate) mod no_cache;
pub(crate) mod once;
pub(crate) mod palette;
pub(crate) mod pill;
pub(crate) mod powers;
pub(crate) mod sign_in;
pub(crate) mod source;
pub(crate) mod text;
pub(crate) mod toast;
pub(crate) mod virtual_rows;
