//! What `loss_scaling` is asked.

use super::answer::Scaler;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("unscale", |p| {
        let mut scaler = Scaler { scale: 1024.0, good_steps: 0 };
        let mut gradient = [2048.0, 512.0];
        p.see("[2048, 512] at the scale 1024: is the step taken?", scaler.unscale(&mut gradient));
        p.see("the gradient", &gradient[..]);
        let mut gradient = [f64::INFINITY, 3.0];
        p.see("[infinity, 3]: is the step taken?", scaler.unscale(&mut gradient));
        p.see("the scale afterwards", scaler.scale);

        let mut scaler = Scaler { scale: 64.0, good_steps: 0 };
        for (step, good) in (1..).zip([1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
        {
            let mut gradient = [-3.0, 0.0, if good == 1 { f64::from(step) } else { f64::NAN }];
            let taken = scaler.unscale(&mut gradient);
            let kind = if good == 1 { "finite" } else { "with a NaN" };
            p.see(format!("step {step}, {kind}: is it taken?"), taken);
            if taken {
                p.see(format!("the gradient of step {step}"), &gradient[..]);
            }
            p.see(format!("the scale after step {step}"), scaler.scale);
        }

        // A model whose derivatives overflow f16, above 65,504, or are lost in it, below 6e-8.
        let mut scaler = Scaler { scale: 1.0, good_steps: 0 };
        let taken = (0..100).filter(|_| {
            let f16 = |x: f64| if x.abs() > 65_504.0 { f64::INFINITY } else { x };
            scaler.unscale(&mut [f16(1e-5 * scaler.scale), f16(20.0 * scaler.scale)])
        });
        p.see("of 100 steps whose largest derivative is 20, how many are taken", taken.count());
        p.see("the scale at the end", scaler.scale);
    });
}
