//! Slopes in a row are multiplied. If a nudge reaches the end on two ways, its slopes are
//! added.
//!
//! First three functions in a row, with two weights:
//!
//!   u = w[0] x + w[1],    y = u^2,    L = (y - target)^2
//!
//! On paper, with w = (1, 1), x = 2, target = 7: u is 3, y is 9, L is 4. The slopes from the
//! end to the beginning: dL/dy = 2 * 2 = 4 and dy/du = 6, so dL/du = 24. The weights move u by
//! 2 and by 1, so the gradient is (48, 24).
//!
//! Then one weight in two places:
//!
//!   y = w x + w^2,    L = (y - target)^2
//!
//! With w = 1, x = 3, target = 6: y is 4 and dL/dy = -4. The weight moves y on both ways, by 3
//! and by 2, so dy/dw = 5 and dL/dw = -20.

/// (dL/dw[0], dL/dw[1]) for u = w[0] x + w[1], y = u^2, L = (y - target)^2.
pub fn gradient(w: [f64; 2], x: f64, target: f64) -> [f64; 2] {
    // SOLUTION
    let u = w[0] * x + w[1];
    let l_by_y = 2.0 * (u * u - target);
    let y_by_u = 2.0 * u;
    let l_by_u = l_by_y * y_by_u;
    [l_by_u * x, l_by_u]
    // STUB
    // todo!()
    // END
}

/// dL/dw for y = w x + w^2, L = (y - target)^2.
pub fn slope_on_two_ways(w: f64, x: f64, target: f64) -> f64 {
    // SOLUTION
    let y = w * x + w * w;
    let l_by_y = 2.0 * (y - target);
    let y_by_w = x + 2.0 * w;
    l_by_y * y_by_w
    // STUB
    // todo!()
    // END
}
