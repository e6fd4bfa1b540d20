//! Guessing passwords takes longer and longer: by account, whoever guesses, and by address, whoever's it is.
//!
//! Kept in memory: what is at stake is the number of guesses a day, and a restart gives a handful of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use emboflow_model::Timestamp;

use crate::limits::network_of;

/// Wrong guesses of an account without a delay.
const FREE_FOR_ACCOUNT: u32 = 5;
/// Wrong guesses of an address without a delay: a whole team may be behind one.
const FREE_FOR_ADDRESS: u32 = 20;
/// An account waits no longer than this: nobody shall lock somebody else out for a day.
const ACCOUNT_WAITS_MS: u64 = 60_000;
/// An address waits no longer than this.
const ADDRESS_WAITS_MS: u64 = 15 * 60_000;
/// Without a wrong guess for so long all is forgotten.
const FORGOTTEN_AFTER_MS: u64 = 60 * 60_000;
/// Accounts and addresses that are remembered; what is above replaces the one that matters least.
const REMEMBERED: usize = 10_000;
/// From where somebody has signed in, the account's delay does not hold for so long.
const AT_HOME_MS: u64 = 30 * 24 * 60 * 60_000;
/// Networks that are remembered of an account.
const HOMES: usize = 8;

/// Who has guessed how often.
#[derive(Default)]
pub(crate) struct Lockout(Mutex<Guesses>);

#[derive(Default)]
struct Guesses {
    accounts: HashMap<String, Wrong>,
    addresses: HashMap<IpAddr, Wrong>,
    /// From where accounts were signed in to rightly, newest last: only people who can sign in are here.
    homes: HashMap<String, Vec<(IpAddr, Timestamp)>>,
}

#[derive(Clone, Copy)]
struct Wrong {
    times: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Lockout {
    /// Until when this account may not be tried from this address, if so.
    pub(crate) fn locked_until(&self, account: &str, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Or whoever guesses from ever other networks would keep the account's owner out for ever.
        let of_account = guesses.accounts.get(account).map(|wrong| wrong.until);
        let of_account = of_account.filter(|_| !guesses.is_home(account, network_of(address), now));
        let of_address = guesses.addresses.get(&network_of(address)).map(|wrong| wrong.until);
        of_account.max(of_address).filter(|until| *until > now)
    }

    /// Until when nobody may try this account, if so.
    pub(crate) fn account_locked_until(&self, account: &str, now: Timestamp) -> Option<Timestamp> {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.accounts.get(account).map(|wrong| wrong.until).filter(|until| *until > now)
    }

    /// Counts a guess before it is checked, so that many at the same time are no more than many one after the other.
    pub(crate) fn count(&self, account: &str, address: IpAddr, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = account.to_owned();
        count(&mut guesses.accounts, account, FREE_FOR_ACCOUNT, ACCOUNT_WAITS_MS, now);
        count(&mut guesses.addresses, network_of(address), FREE_FOR_ADDRESS, ADDRESS_WAITS_MS, now);
    }

    /// The guess was not checked: it does not count.
    pub(crate) fn unchecked(&self, account: &str, address: IpAddr) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Guesses { accounts, addresses, .. } = &mut *guesses;
        for wrong in accounts.get_mut(account).into_iter().chain(addresses.get_mut(&network_of(address))) {
            wrong.give_back();
        }
    }

    /// The guess was right: the account starts anew. The address only gets this guess back, or whoever has one account
    /// could guess at the others for ever.
    pub(crate) fn right(&self, account: &str, address: IpAddr, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.accounts.remove(account);
        guesses.come_home(account, network_of(address), now);
        if let Some(wrong) = guesses.addresses.get_mut(&network_of(address)) {
            wrong.give_back();
        }
    }
}

impl Guesses {
    fn is_home(&self, account: &str, network: IpAddr, now: Timestamp) -> bool {
        let homes = self.homes.get(account).into_iter().flatten();
        homes.filter(|(_, at)| now.ms_since(*at) < AT_HOME_MS).any(|(home, _)| *home == network)
    }

    fn come_home(&mut self, account: &str, network: IpAddr, now: Timestamp) {
        if self.homes.len() >= REMEMBERED && !self.homes.contains_key(account) {
            self.homes.retain(|_, homes| homes.iter().any(|(_, at)| now.ms_since(*at) < AT_HOME_MS));
        }
        if self.homes.len() < REMEMBERED || self.homes.contains_key(account) {
            let homes = self.homes.entry(account.to_owned()).or_default();
            homes.retain(|(home, _)| *home != network);
            homes.push((network, now));
            let surplus = homes.len().saturating_sub(HOMES);
            homes.drain(..surplus);
        }
    }
}

impl Wrong {
    fn give_back(&mut self) {
        self.times = self.times.saturating_sub(1);
        self.until = self.last;
    }
}

fn count<K: Eq + Hash + Clone>(all: &mut HashMap<K, Wrong>, key: K, free: u32, most_ms: u64, now: Timestamp) {
    if all.len() >= REMEMBERED && !all.contains_key(&key) {
        all.retain(|_, wrong| now.ms_since(wrong.last) < FORGOTTEN_AFTER_MS);
        // Names that are made up to be guessed at once push no account out that is guessed at.
        let least = |wrong: &Wrong| (wrong.times > free, wrong.last);
        let oldest = all.iter().min_by_key(|(_, wrong)| least(wrong)).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest.filter(|_| all.len() >= REMEMBERED) {
            all.remove(&oldest);
        }
    }
    let before = all.get(&key).filter(|wrong| now.ms_since(wrong.last) < FORGOTTEN_AFTER_MS);
    let times = before.map_or(0, |wrong| wrong.times).saturating_add(1);
    let wait_ms = match times.saturating_sub(free) {
        0 => 0,
        over => most_ms.min(1_000_u64.saturating_mul(1 << (over - 1).min(20))),
    };
    all.insert(key, Wrong { times, last: now, until: now.plus_ms(wait_ms) });
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn waits_ms(lockout: &Lockout, account: &str, address: IpAddr, now: Timestamp) -> u64 {
        lockout.locked_until(account, address, now).map_or(0, |until| until.ms_since(now))
    }

    #[test]
    fn an_account_waits_longer_after_each_guess_from_wherever_it_comes() {
        let lockout = Lockout::default();
        let mut waits = Vec::new();
        for n in 0..14_u8 {
            let address = IpAddr::from([10, 0, 1, n]);
            lockout.count("anna", address, Timestamp(0));
            waits.push(waits_ms(&lockout, "anna", HOME, Timestamp(0)) / 1_000);
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(waits_ms(&lockout, "bert", HOME, Timestamp(0)), 0);
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(60_000)), 0);
        lockout.right("anna", HOME, Timestamp(60_000));
        lockout.count("anna", HOME, Timestamp(60_000));
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(60_000)), 0);
    }

    #[test]
    fn an_address_waits_whatever_accounts_it_guesses_and_a_right_one_does_not_wash_it_clean() {
        let lockout = Lockout::default();
        for n in 0..FREE_FOR_ADDRESS {
            lockout.count(&format!("user-{n}"), HOME, Timestamp(0));
        }
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 0);
        lockout.right("user-1", HOME, Timestamp(0));
        for n in 0..3 {
            lockout.count(&format!("other-{n}"), HOME, Timestamp(0));
        }
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 2_000);
        let beside = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for n in 0..FREE_FOR_ADDRESS as u16 + 1 {
            lockout.count(&format!("six-{n}"), beside(n), Timestamp(0));
        }
        assert_eq!(waits_ms(&lockout, "anna", beside(999), Timestamp(0)), 1_000, "one network");
    }

    #[test]
    fn where_somebody_signs_in_others_cannot_keep_them_out() {
        let lockout = Lockout::default();
        lockout.right("anna", HOME, Timestamp(0));
        for n in 0..20_u8 {
            lockout.count("anna", IpAddr::from([10, 0, 1, n]), Timestamp(0));
        }
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 0);
        assert_eq!(waits_ms(&lockout, "anna", IpAddr::from([10, 0, 2, 1]), Timestamp(0)), ACCOUNT_WAITS_MS);
        // What is guessed there counts for the address all the same.
        for _ in 0..=FREE_FOR_ADDRESS {
            lockout.count("anna", HOME, Timestamp(0));
        }
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 1_000);
        let later = Timestamp(0).plus_ms(AT_HOME_MS);
        lockout.count("anna", IpAddr::from([10, 0, 1, 1]), later);
        let guesses = lockout.0.lock().unwrap();
        assert!(!guesses.is_home("anna", HOME, later), "not for ever");
    }

    #[test]
    fn made_up_names_push_no_account_out_that_is_guessed_at() {
        let lockout = Lockout::default();
        for _ in 0..=FREE_FOR_ACCOUNT {
            lockout.count("anna", HOME, Timestamp(0));
        }
        for n in 0..REMEMBERED + 50 {
            lockout.count(&format!("user-{n}"), HOME, Timestamp(1));
        }
        let away = IpAddr::from([10, 0, 2, 1]);
        assert!(waits_ms(&lockout, "anna", away, Timestamp(1)) > 0);
    }

    #[test]
    fn a_guess_that_was_not_checked_does_not_count() {
        let lockout = Lockout::default();
        for _ in 0..3 * FREE_FOR_ADDRESS {
            lockout.count("anna", HOME, Timestamp(0));
            lockout.unchecked("anna", HOME);
        }
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 0);
        lockout.count("anna", HOME, Timestamp(0));
        assert_eq!(waits_ms(&lockout, "anna", HOME, Timestamp(0)), 0, "it is the first one");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_after_an_hour() {
        let lockout = Lockout::default();
        for n in 0..REMEMBERED + 50 {
            lockout.count(&format!("user-{n}"), HOME, Timestamp(n as i64));
        }
        assert_eq!(lockout.0.lock().unwrap().accounts.len(), REMEMBERED);
        let later = Timestamp(0).plus_ms(3 * FORGOTTEN_AFTER_MS);
        lockout.count("anna", HOME, later);
        assert_eq!(waits_ms(&lockout, "anna", HOME, later), 0);
    }
}
