//! The clock belongs to the whole process, so its test has a process of its own.

use std::time::{Duration, Instant};

use stage02_attention::profiler::{REGIONS, Region, start, stop, time};

#[test]
fn inner_work_is_not_counted_twice_and_unwatched_work_not_at_all() {
    let wait = || std::thread::sleep(Duration::from_millis(20));
    time(Region::Loss, wait);
    assert_eq!(stop()[Region::Loss as usize], Duration::ZERO);

    start();
    let began = Instant::now();
    let answer = time(Region::Attention, || {
        wait();
        time(Region::Softmax, wait);
        42
    });
    let (all, times) = (began.elapsed(), stop());
    assert_eq!(answer, 42);
    let [attention, softmax] =
        [Region::Attention, Region::Softmax].map(|part| times[part as usize]);
    // Sleeping may take longer than asked for, never less; and together no more than all.
    assert!(attention >= Duration::from_millis(20) && softmax >= Duration::from_millis(20));
    assert!(attention + softmax <= all);
    for (i, (part, _)) in REGIONS.iter().enumerate() {
        assert_eq!(*part as usize, i, "the list is in the order of the parts");
    }
}
