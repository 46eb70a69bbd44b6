// ANCHOR: empty
// ANCHOR_END: empty
