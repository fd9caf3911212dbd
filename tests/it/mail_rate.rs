//! How fast mails may go out.

use duban::config::mail::RateLimits;
use duban::delivery::rate;
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_728_000_000 + second).unwrap()
}

fn begun(of: &[(&str, i64)]) -> Vec<(String, Timestamp)> {
    of.iter().map(|(to, second)| ((*to).to_owned(), at(*second))).collect()
}

#[test]
fn the_window_of_a_minute_slides() {
    let limits = RateLimits { per_minute: 2, per_recipient_per_hour: 0 };
    let two = begun(&[("a", 0), ("b", 30)]);
    assert_eq!(rate(limits, &two, at(40)).not_before, Some(at(60)), "a minute after the first");
    assert_eq!(rate(limits, &two, at(59)).not_before, Some(at(60)));
    assert_eq!(rate(limits, &two, at(60)).not_before, None);
    assert_eq!(rate(limits, &two[..1], at(40)).not_before, None, "one of two");
    let three = begun(&[("a", 0), ("b", 30), ("c", 60)]);
    assert_eq!(rate(limits, &three, at(61)).not_before, Some(at(90)));
}

#[test]
fn an_address_that_was_written_to_enough_is_spared_and_others_are_not() {
    let limits = RateLimits { per_minute: 0, per_recipient_per_hour: 2 };
    let sent = begun(&[("a", 0), ("b", 5), ("a", 100)]);
    let now = rate(limits, &sent, at(200));
    assert_eq!(now.not_before, None);
    assert_eq!(now.spared, [("a".to_owned(), at(3600))]);
    assert_eq!(now.allowed_at("a", at(150)), at(3600));
    assert_eq!(now.allowed_at("b", at(150)), at(150));
    assert!(rate(limits, &sent, at(3600)).spared.is_empty());
}

#[test]
fn without_limits_everything_goes() {
    let limits = RateLimits { per_minute: 0, per_recipient_per_hour: 0 };
    let sent = begun(&[("a", 0); 500]);
    assert_eq!(rate(limits, &sent, at(1)), duban::delivery::Rate::default());
}
