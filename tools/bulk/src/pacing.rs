//! When a request may be sent: the pauses of all threads together, and the
//! limit of `--rate`. Nothing here reads a clock or sleeps.

use std::time::{Duration, Instant};

/// What the threads ask before each request, and tell after it.
///
/// A pause follows a failure, and 429. During one nothing is sent, and after it
/// a single request, until one succeeds: an outage costs as few lines as can be.
#[derive(Debug)]
pub(crate) struct Pacing {
    /// The shortest pause.
    first_pause: Duration,
    /// The time between the starts of two requests.
    interval: Duration,
    /// When the next request may start, by the rate.
    next_at: Option<Instant>,
    /// The end of the last pause.
    resume_at: Option<Instant>,
    /// How many pauses there were: what tells a request that was sent before
    /// the last of them.
    pauses: u64,
    /// How many pauses in a row followed failures, with no success since.
    after_failures: u32,
    /// How many pauses in a row followed 429, with no success since.
    after_throttles: u32,
    /// Whether the single request after a pause is under way.
    probing: bool,
    /// Whether no request has succeeded since the last pause.
    paused: bool,
}

/// Whether a request may be sent.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    Send(Permit),
    /// Not before this time, or before another request has ended.
    Wait(Option<Instant>),
}

/// A request that may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Permit {
    pauses: u64,
}

/// What a request that was sent says of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// It works: it has applied the change or reported why not.
    Success,
    /// 429: it works, and wants fewer requests.
    Throttled { retry_after: Option<Duration> },
    /// It failed, or was not reached.
    Failed { retry_after: Option<Duration> },
}

/// What follows from a signal.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Go on, as far as the pauses allow.
    Continue,
    /// The pauses are over.
    Resume,
    /// A pause begins, and ends at this time.
    Pause { until: Instant, length: Duration },
    /// Stop: so many pauses in a row have not helped.
    TooManyPauses,
    /// Stop: the server asks for a longer pause than a program should sit out.
    TooLongPause(Duration),
}

impl Pacing {
    /// With at most so many requests a second.
    pub(crate) fn new(rate: Option<u32>, first_pause: Duration) -> Self {
        Self {
            first_pause,
            interval: rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate),
            next_at: None,
            resume_at: None,
            pauses: 0,
            after_failures: 0,
            after_throttles: 0,
            probing: false,
            paused: false,
        }
    }

    /// Asks to send a request. What is sent must be followed by [`Self::note`].
    pub(crate) fn turn(&mut self, now: Instant) -> Turn {
        if let Some(resume_at) = self.resume_at.filter(|at| *at > now) {
            return Turn::Wait(Some(resume_at));
        }
        if self.probing {
            return Turn::Wait(None);
        }
        if let Some(next_at) = self.next_at.filter(|at| *at > now) {
            return Turn::Wait(Some(next_at));
        }
        self.next_at = Some(now + self.interval);
        self.probing = self.after_failures > 0 || self.after_throttles > 0;
        Turn::Send(Permit {
            pauses: self.pauses,
        })
    }

    /// Takes note of what became of a request.
    pub(crate) fn note(&mut self, permit: Permit, signal: Signal, now: Instant) -> Verdict {
        let is_current = permit.pauses == self.pauses;
        if is_current {
            self.probing = false;
        }
        let (retry_after, in_a_row) = match signal {
            Signal::Success => {
                self.after_failures = 0;
                self.after_throttles = 0;
                self.probing = false;
                // Of a request that was sent before a pause, it does not end it.
                if self.paused && self.resume_at.is_none_or(|at| at <= now) {
                    self.paused = false;
                    return Verdict::Resume;
                }
                return Verdict::Continue;
            }
            Signal::Throttled { retry_after } => (retry_after, &mut self.after_throttles),
            Signal::Failed { retry_after } => {
                if is_current && self.after_failures >= MAX_PAUSES {
                    return Verdict::TooManyPauses;
                }
                (retry_after, &mut self.after_failures)
            }
        };
        let retry_after = retry_after.unwrap_or_default();
        if retry_after > MAX_RETRY_AFTER {
            return Verdict::TooLongPause(retry_after);
        }
        let length = if is_current {
            *in_a_row = in_a_row.saturating_add(1);
            self.pauses += 1;
            backoff(self.first_pause, *in_a_row).max(retry_after)
        } else {
            // Sent before the pause that others have begun: the same failure.
            retry_after
        };
        let until = now + length;
        if length.is_zero() || self.resume_at.is_some_and(|at| at >= until) {
            return Verdict::Continue;
        }
        self.resume_at = Some(until);
        self.paused = true;
        Verdict::Pause { until, length }
    }
}

/// Whether the first responses say that no line will succeed.
#[derive(Debug)]
pub(crate) struct FirstResponses {
    status: u16,
    count: u32,
    is_over: bool,
}

impl FirstResponses {
    pub(crate) fn new(keep_going: bool) -> Self {
        Self {
            status: 0,
            count: 0,
            is_over: keep_going,
        }
    }

    /// Takes note of the status of a response, and returns why to stop, if so.
    pub(crate) fn note(&mut self, status: u16) -> Option<String> {
        if self.count == 0 {
            self.status = status;
        }
        let advice = match status {
            402 => "is the account in order?",
            403 => "may this key change customers?",
            404 => "are URL, key and ids of one environment?",
            405 => "is the URL the API's?",
            _ => "",
        };
        self.count += 1;
        self.is_over |= advice.is_empty() || status != self.status;
        (self.count >= MAX_FIRST && !self.is_over).then(|| {
            format!(
                "the first {MAX_FIRST} responses were all {status}: {advice} \
                 (--keep-going goes on)"
            )
        })
    }
}

/// The pause number `in_a_row`, counted from 1: the first one, doubled each time up
/// to 60 times. From 0.5 s on, eight are a minute and a half: a server has restarted.
fn backoff(first: Duration, in_a_row: u32) -> Duration {
    let doublings = in_a_row.saturating_sub(1).min(6);
    first * (1 << doublings).min(60)
}

/// How many pauses in a row without a success a run sits out.
pub(crate) const MAX_PAUSES: u32 = 8;

/// How many responses without a success, all of one kind, a run takes at its start.
const MAX_FIRST: u32 = 25;

/// The longest `Retry-After` that a run sits out.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is set by hand.
    struct Clock {
        start: Instant,
        now: Instant,
    }

    impl Clock {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, now: start }
        }

        fn after(&mut self, millis: u64) -> Instant {
            self.now += Duration::from_millis(millis);
            self.now
        }

        /// Waits as long as `turn` says, and returns the permit.
        #[track_caller]
        fn sit_out(&mut self, pacing: &mut Pacing) -> Permit {
            match pacing.turn(self.now) {
                Turn::Send(permit) => permit,
                Turn::Wait(until) => {
                    self.now = until.expect("nothing is under way");
                    match pacing.turn(self.now) {
                        Turn::Send(permit) => permit,
                        Turn::Wait(_) => panic!("waits twice"),
                    }
                }
            }
        }

        fn millis(&self) -> u128 {
            (self.now - self.start).as_millis()
        }
    }

    #[track_caller]
    fn permit(turn: &Turn) -> Permit {
        match turn {
            Turn::Send(permit) => *permit,
            Turn::Wait(_) => panic!("must wait"),
        }
    }

    #[track_caller]
    fn pause(verdict: &Verdict) -> u128 {
        match verdict {
            Verdict::Pause { length, .. } => length.as_millis(),
            other => panic!("{other:?}"),
        }
    }

    const FIRST_PAUSE: Duration = Duration::from_millis(500);
    const FAILED: Signal = Signal::Failed { retry_after: None };
    const THROTTLED: Signal = Signal::Throttled { retry_after: None };

    fn failed(seconds: u64) -> Signal {
        let retry_after = Some(Duration::from_secs(seconds));
        Signal::Failed { retry_after }
    }

    #[test]
    fn nothing_waits_while_all_is_well() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let now = Instant::now();
        for _ in 0..100 {
            let permit = permit(&pacing.turn(now));
            assert_eq!(pacing.note(permit, Signal::Success, now), Verdict::Continue);
        }
    }

    #[test]
    fn pauses_grow_and_the_ninth_failure_stops() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let permit = clock.sit_out(&mut pacing);
            pauses.push(pause(&pacing.note(permit, FAILED, clock.now)));
        }
        assert_eq!(
            pauses,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        let permit = clock.sit_out(&mut pacing);
        let verdict = pacing.note(permit, FAILED, clock.now);
        assert_eq!(verdict, Verdict::TooManyPauses);
        assert_eq!(clock.millis(), pauses.iter().sum());
    }

    #[test]
    fn a_success_starts_the_count_again() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        for _ in 0..20 {
            for _ in 0..8 {
                let permit = clock.sit_out(&mut pacing);
                pause(&pacing.note(permit, FAILED, clock.now));
            }
            let permit = clock.sit_out(&mut pacing);
            let verdict = pacing.note(permit, Signal::Success, clock.now);
            assert_eq!(verdict, Verdict::Resume);
        }
        let permit = clock.sit_out(&mut pacing);
        assert_eq!(pause(&pacing.note(permit, FAILED, clock.now)), 500);
    }

    #[test]
    fn failures_between_two_pauses_count_once() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        let permits: Vec<_> = (0..64).map(|_| permit(&pacing.turn(clock.now))).collect();
        for (index, permit) in permits.into_iter().enumerate() {
            let verdict = pacing.note(permit, FAILED, clock.after(1));
            match index {
                0 => assert_eq!(pause(&verdict), 500),
                _ => assert_eq!(verdict, Verdict::Continue),
            }
        }
        let permit = clock.sit_out(&mut pacing);
        assert_eq!(pause(&pacing.note(permit, FAILED, clock.now)), 1000);
    }

    #[test]
    fn one_request_is_sent_after_a_pause() {
        for signal in [FAILED, THROTTLED] {
            let mut pacing = Pacing::new(None, FIRST_PAUSE);
            let mut clock = Clock::new();
            let first = clock.sit_out(&mut pacing);
            pause(&pacing.note(first, signal, clock.now));
            let probe = clock.sit_out(&mut pacing);
            assert_eq!(pacing.turn(clock.after(1)), Turn::Wait(None));
            let verdict = pacing.note(probe, Signal::Success, clock.now);
            assert_eq!(verdict, Verdict::Resume);
            for _ in 0..64 {
                permit(&pacing.turn(clock.now));
            }
        }
    }

    #[test]
    fn retry_after_is_obeyed() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        let [first, second, third] = [(); 3].map(|()| permit(&pacing.turn(clock.now)));
        assert_eq!(pause(&pacing.note(first, failed(3), clock.now)), 3000);
        // Of a request that was sent before the pause as well.
        assert_eq!(pause(&pacing.note(second, failed(7), clock.now)), 7000);
        assert_eq!(pacing.note(third, failed(5), clock.now), Verdict::Continue);
        let probe = clock.sit_out(&mut pacing);
        assert_eq!(clock.millis(), 7000);
        // No shorter than the pause that it would be without.
        assert_eq!(pause(&pacing.note(probe, failed(0), clock.now)), 1000);
        let probe = clock.sit_out(&mut pacing);
        assert_eq!(
            pause(&pacing.note(probe, failed(3600), clock.now)),
            3_600_000
        );
    }

    #[test]
    fn a_wish_for_more_than_an_hour_stops() {
        for seconds in [3601, u64::MAX] {
            let mut pacing = Pacing::new(None, FIRST_PAUSE);
            let now = Instant::now();
            let permit = permit(&pacing.turn(now));
            let verdict = pacing.note(permit, failed(seconds), now);
            let asked = Duration::from_secs(seconds);
            assert_eq!(verdict, Verdict::TooLongPause(asked));
        }
    }

    #[test]
    fn throttling_slows_down_and_never_stops() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        // Seven failures do not make 429 the eighth.
        for _ in 0..7 {
            let permit = clock.sit_out(&mut pacing);
            pause(&pacing.note(permit, FAILED, clock.now));
        }
        let mut pauses = Vec::new();
        for _ in 0..100 {
            let permit = clock.sit_out(&mut pacing);
            pauses.push(pause(&pacing.note(permit, THROTTLED, clock.now)));
        }
        assert_eq!(pauses[..4], [500, 1000, 2000, 4000]);
        assert_eq!(pauses[6..], [30_000; 94]);
        let permit = clock.sit_out(&mut pacing);
        assert_eq!(pause(&pacing.note(permit, FAILED, clock.now)), 30_000);
        let permit = clock.sit_out(&mut pacing);
        let verdict = pacing.note(permit, FAILED, clock.now);
        assert_eq!(verdict, Verdict::TooManyPauses);
    }

    #[test]
    fn a_rate_spaces_requests() {
        let mut pacing = Pacing::new(Some(50), FIRST_PAUSE);
        let mut clock = Clock::new();
        for number in 0..500 {
            let permit = clock.sit_out(&mut pacing);
            assert_eq!(clock.millis(), number * 20);
            pacing.note(permit, Signal::Success, clock.now);
        }
        // Time that went by unused is not made up for.
        clock.after(10_000);
        permit(&pacing.turn(clock.now));
        assert!(matches!(pacing.turn(clock.now), Turn::Wait(Some(_))));
    }

    #[test]
    fn late_news_of_before_a_pause_does_not_end_the_wait() {
        let mut pacing = Pacing::new(None, FIRST_PAUSE);
        let mut clock = Clock::new();
        let [first, late] = [(); 2].map(|()| permit(&pacing.turn(clock.now)));
        pause(&pacing.note(first, failed(10), clock.now));
        let verdict = pacing.note(late, Signal::Success, clock.after(1));
        assert_eq!(verdict, Verdict::Continue);
        let Turn::Wait(Some(until)) = pacing.turn(clock.now) else {
            panic!("the pause is still on");
        };
        assert_eq!((until - clock.start).as_secs(), 10);
        let permit = clock.sit_out(&mut pacing);
        let verdict = pacing.note(permit, Signal::Success, clock.now);
        assert_eq!(verdict, Verdict::Resume);
    }
}
