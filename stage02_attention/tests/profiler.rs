//! The profiler belongs to the whole process, so its test has a process of its own.

use std::time::{Duration, Instant};

use stage02_attention::profiler::{REGIONS, Region, start, stop, time};

#[test]
fn nested_regions_are_not_counted_twice_and_nothing_is_counted_before_start() {
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
        [Region::Attention, Region::Softmax].map(|region| times[region as usize]);
    // Sleeping may take longer than asked for, never less; and together no more than all.
    assert!(attention >= Duration::from_millis(20) && softmax >= Duration::from_millis(20));
    assert!(attention + softmax <= all);
    for (i, (region, _)) in REGIONS.iter().enumerate() {
        assert_eq!(*region as usize, i, "the list is in the order of the regions");
    }
}
