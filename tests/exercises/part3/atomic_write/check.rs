//! What `atomic_write` is asked.

use super::answer::write_atomically;
use exercises::disk::{Disk, Luck, TestDisk};
use exercises::probe::Probe;

const OLD: &[u8] = b"the weights after step 100";
const NEW: &[u8] = b"the weights after step 200, which are longer";

pub fn probe(p: &mut Probe) {
    p.part("writing", |p| {
        let mut disk = TestDisk::default();
        p.see("the first time: is it Ok?", write_atomically(&mut disk, "model", OLD).is_ok());
        p.see("the bytes afterwards", text(&disk));
        p.see("the second time: is it Ok?", write_atomically(&mut disk, "model", NEW).is_ok());
        p.see("the bytes afterwards", text(&disk));
        p.see("the files afterwards", disk.names().join(" "));
        for luck in Luck::ALL {
            let left = disk.restarted(luck);
            p.rule(text(&left) == String::from_utf8_lossy(NEW), || {
                format!(
                    "write_atomically has said Ok, then the power is cut, and {}: `model` \
                     holds {:?} and must hold the new bytes. What brings bytes to the disk, \
                     and what brings a name?",
                    luck.says(),
                    text(&left)
                )
            });
            p.see(format!("Ok, power cut, {}", luck.says()), text(&left));
        }
    });
    p.part("power cut on the way", |p| {
        let mut before = TestDisk::default();
        before.write("model", OLD).expect("power");
        before.sync("model").expect("power");
        before.sync_directory().expect("power");
        let (mut found, mut first) = ([false; 3], None);
        for operations in 0..30 {
            let mut disk = before.with_power_for(operations);
            let result = write_atomically(&mut disk, "model", NEW);
            p.rule(result.is_err() || disk.log.len() <= operations, || {
                format!(
                    "the power is cut after {operations} operations ({}), and \
                     write_atomically says Ok: does it look at each `Result`?",
                    disk.log.join(", ")
                )
            });
            for luck in Luck::ALL {
                let left = text(&disk.restarted(luck));
                let which = match left.as_bytes() {
                    OLD => 0,
                    NEW => 1,
                    _ => 2,
                };
                found[which] = true;
                if which == 2 && first.is_none() {
                    first = Some(disk.log.join(", "));
                }
                p.rule(which < 2, || {
                    format!(
                        "the power is cut after {operations} operations ({}), and {}: `model` \
                         holds {left:?} and must hold all of the old bytes or all of the new \
                         ones. What had been synced by then?",
                        disk.log.join(", "),
                        luck.says()
                    )
                });
            }
        }
        for (what, found) in ["the old bytes", "the new bytes", "something else"].iter().zip(found)
        {
            p.see(format!("after some power cut `model` has {what}"), found);
        }
        p.see("after which operations it has something else", first.unwrap_or("never".into()));
    });
    p.part("a full disk", |p| {
        let mut disk = TestDisk::default();
        disk.write("model", OLD).expect("space");
        disk.full = true;
        p.see("is it an error?", write_atomically(&mut disk, "model", NEW).is_err());
        p.see("the bytes afterwards", text(&disk));
        p.see("the files afterwards", disk.names().join(" "));
    });
}

/// What `model` holds.
fn text(disk: &TestDisk) -> String {
    match disk.read("model") {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => "there is no such file".into(),
    }
}
