//! Offsets of kernel fields, read from the kernel's own type information.
//!
//! The kernel half cannot be compiled against one kernel's structs and run on another, so the loader
//! looks the few fields up here and hands the offsets over as constants. What is not found is
//! unknown, never an error: the facts behind it are then unknown too.
//!
//! The format is that of `Documentation/bpf/btf.rst`: a header, types one after another, strings.

use agent_ebpf::{OFFSET_UNKNOWN, global};

const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_TYPEDEF: u32 = 8;

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Unnamed structs and unions inside one another; kernels have at most two levels where we look.
const NESTING_MAX: u32 = 4;

/// The name of each global, with the offset that it gets.
pub(super) type Offsets = [(&'static str, u32); 12];

/// Where each field is: the global to fill, the struct, and the field's names over the years.
const FIELDS: [(&str, &str, &[&str]); 12] = [
    (global::CGROUP_NODE, "cgroup", &["kn"]),
    (global::CGROUP_ROOT, "cgroup", &["root"]),
    (global::NODE_ID, "kernfs_node", &["id"]),
    (global::ROOT_HIERARCHY, "cgroup_root", &["hierarchy_id"]),
    (global::TASK_GROUP_LEADER, "task_struct", &["group_leader"]),
    (
        global::TASK_START_BOOTTIME,
        "task_struct",
        &["start_boottime", "real_start_time"],
    ),
    (global::TASK_MM, "task_struct", &["mm"]),
    (global::MM_EXE_FILE, "mm_struct", &["exe_file"]),
    (global::FILE_INODE, "file", &["f_inode"]),
    (global::INODE_NUMBER, "inode", &["i_ino"]),
    (global::INODE_SUPER_BLOCK, "inode", &["i_sb"]),
    (global::SUPER_BLOCK_DEVICE, "super_block", &["s_dev"]),
];

/// What it takes to follow cgroups.
const CGROUP_GLOBALS: [&str; 4] = [
    global::CGROUP_NODE,
    global::CGROUP_ROOT,
    global::NODE_ID,
    global::ROOT_HIERARCHY,
];

/// The offsets on the running kernel.
pub(super) fn offsets() -> Offsets {
    std::fs::read(VMLINUX).map_or_else(|_| unknown(), |bytes| parse(&bytes))
}

/// Whether the programs can tell one cgroup from another.
pub(super) fn describe_cgroups(offsets: &Offsets) -> bool {
    offsets
        .iter()
        .filter(|(name, _)| CGROUP_GLOBALS.contains(name))
        .all(|(_, offset)| *offset != OFFSET_UNKNOWN)
}

/// Whether the running kernel has a tracepoint: each leaves the type of its handlers.
pub(super) fn has_tracepoint(name: &str) -> bool {
    std::fs::read(VMLINUX).is_ok_and(|bytes| declares(&bytes, &format!("btf_trace_{name}")))
}

fn declares(bytes: &[u8], typedef: &str) -> bool {
    Types::parse(bytes).is_some_and(|types| {
        types.starts.iter().any(|start| {
            types
                .info(*start)
                .is_some_and(|(kind, _, _)| kind == KIND_TYPEDEF)
                && types.name(*start) == Some(typedef.as_bytes())
        })
    })
}

/// What to use where kernel memory may not be read.
pub(super) fn unknown() -> Offsets {
    FIELDS.map(|(global, ..)| (global, OFFSET_UNKNOWN))
}

fn parse(bytes: &[u8]) -> Offsets {
    let Some(types) = Types::parse(bytes) else {
        return unknown();
    };
    FIELDS.map(|(global, structure, names)| {
        let offset = types
            .structure(structure)
            .and_then(|start| names.iter().find_map(|name| types.field(start, name, 0)));
        (global, offset.unwrap_or(OFFSET_UNKNOWN))
    })
}

struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type starts; ids count from 1.
    starts: Vec<usize>,
}

impl<'a> Types<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let magic = bytes.get(..2)?.try_into().ok().map(u16::from_ne_bytes)?;
        if magic != MAGIC {
            return None;
        }
        let header_bytes = word(bytes, 4)?;
        let section = |offset: usize, length: usize| {
            let start = usize::try_from(header_bytes.checked_add(word(bytes, offset)?)?).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(word(bytes, length)?).ok()?)?)
        };
        let types = section(8, 12)?;
        let strings = section(16, 20)?;
        let mut starts = Vec::new();
        let mut start = 0;
        while start < types.len() {
            starts.push(start);
            start = start
                .checked_add(12)?
                .checked_add(tail_bytes(word(types, start + 4)?)?)?;
        }
        Some(Self {
            types,
            strings,
            starts,
        })
    }

    /// The start of the struct of a name; a forward declaration is of another kind.
    fn structure(&self, name: &str) -> Option<usize> {
        self.starts.iter().copied().find(|start| {
            self.info(*start)
                .is_some_and(|(kind, _, _)| kind == KIND_STRUCT)
                && self.name(*start) == Some(name.as_bytes())
        })
    }

    /// The offset in bytes of a field, also within unnamed members.
    fn field(&self, start: usize, name: &str, nesting: u32) -> Option<u32> {
        let (kind, members, has_bit_fields) = self.info(start)?;
        if nesting > NESTING_MAX || (kind != KIND_STRUCT && kind != KIND_UNION) {
            return None;
        }
        (0..members).find_map(|index| {
            let member = start + 12 + index * 12;
            let bits = word(self.types, member + 8)?;
            let bits = if has_bit_fields {
                bits & 0x00ff_ffff
            } else {
                bits
            };
            let offset = bits / 8;
            let found = self.name(member)?;
            if found == name.as_bytes() {
                return Some(offset);
            }
            if !found.is_empty() {
                return None;
            }
            let id = usize::try_from(word(self.types, member + 4)?).ok()?;
            let inner = self.starts.get(id.checked_sub(1)?)?;
            offset.checked_add(self.field(*inner, name, nesting + 1)?)
        })
    }

    /// Kind, number of members, and whether offsets carry the size of a bit field.
    fn info(&self, start: usize) -> Option<(u32, usize, bool)> {
        let info = word(self.types, start + 4)?;
        Some((kind(info), members(info), info >> 31 == 1))
    }

    /// The name of a type or a member: both begin with it.
    fn name(&self, start: usize) -> Option<&'a [u8]> {
        let offset = usize::try_from(word(self.types, start)?).ok()?;
        self.strings.get(offset..)?.split(|byte| *byte == 0).next()
    }
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..offset.checked_add(4)?)?;
    word.try_into().ok().map(u32::from_ne_bytes)
}

const fn kind(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

const fn members(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// What follows the first twelve bytes of a type; `None` for a kind that we cannot step over.
const fn tail_bytes(info: u32) -> Option<usize> {
    match kind(info) {
        // Integers, variables and declaration tags.
        1 | 14 | 17 => Some(4),
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, type tags.
        2 | 7..=12 | 16 | 18 => Some(0),
        // Arrays.
        3 => Some(12),
        // Structs, unions, sections, 64-bit enums.
        4 | 5 | 15 | 19 => Some(members(info) * 12),
        // Enums and prototypes.
        6 | 13 => Some(members(info) * 8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds type information word by word.
    struct Builder {
        types: Vec<u8>,
        strings: Vec<u8>,
    }

    impl Builder {
        fn new() -> Self {
            Self {
                types: Vec::new(),
                strings: vec![0],
            }
        }

        fn string(&mut self, text: &str) -> u32 {
            if text.is_empty() {
                return 0;
            }
            let offset = u32::try_from(self.strings.len()).unwrap();
            self.strings.extend_from_slice(text.as_bytes());
            self.strings.push(0);
            offset
        }

        fn words(&mut self, words: &[u32]) {
            self.types
                .extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        }

        fn structure(&mut self, name: &str, flag: u32, members: &[(&str, u32, u32)]) {
            let name = self.string(name);
            let count = u32::try_from(members.len()).unwrap();
            self.words(&[name, (flag << 31) | (KIND_STRUCT << 24) | count, 0]);
            for (member, id, bits) in members {
                let member = self.string(member);
                self.words(&[member, *id, *bits]);
            }
        }

        fn bytes(&self) -> Vec<u8> {
            let types = u32::try_from(self.types.len()).unwrap();
            let strings = u32::try_from(self.strings.len()).unwrap();
            let mut bytes = MAGIC.to_ne_bytes().to_vec();
            bytes.extend([1, 0]);
            for word in [24, 0, types, types, strings] {
                bytes.extend(u32::to_ne_bytes(word));
            }
            bytes.extend(&self.types);
            bytes.extend(&self.strings);
            bytes
        }
    }

    fn sample() -> Vec<u8> {
        let mut builder = Builder::new();
        // 1: an integer, to be stepped over.
        builder.words(&[0, 1 << 24, 4, 32]);
        // 2: the unnamed part of `mm_struct`.
        builder.structure("", 0, &[("flags", 1, 0), ("exe_file", 1, 960)]);
        builder.structure("mm_struct", 0, &[("first", 1, 0), ("", 2, 64)]);
        // 4: a forward declaration of the same name as the struct after it.
        let name = builder.string("task_struct");
        builder.words(&[name, 7 << 24, 0]);
        builder.structure(
            "task_struct",
            1,
            &[("mm", 1, 128), ("real_start_time", 1, 3 << 24 | 256)],
        );
        builder.bytes()
    }

    #[track_caller]
    fn check(bytes: &[u8], global: &str, expected: u32) {
        let offsets = parse(bytes);
        let (_, offset) = offsets.iter().find(|(name, _)| *name == global).unwrap();
        assert_eq!(*offset, expected, "{global}");
    }

    #[test]
    fn fields_are_found_by_name_also_in_unnamed_members() {
        check(&sample(), global::TASK_MM, 16);
        check(&sample(), global::MM_EXE_FILE, 8 + 120);
    }

    #[test]
    fn older_names_are_found_and_the_size_of_a_bit_field_is_no_offset() {
        check(&sample(), global::TASK_START_BOOTTIME, 32);
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        check(&sample(), global::TASK_GROUP_LEADER, OFFSET_UNKNOWN);
        check(&sample(), global::INODE_NUMBER, OFFSET_UNKNOWN);
        check(b"", global::TASK_MM, OFFSET_UNKNOWN);
    }

    #[test]
    fn a_tracepoint_is_known_by_the_type_of_its_handlers() {
        let mut builder = Builder::new();
        let structure = builder.string("btf_trace_cgroup_rmdir");
        builder.words(&[structure, KIND_STRUCT << 24, 0]);
        let typedef = builder.string("btf_trace_cgroup_mkdir");
        builder.words(&[typedef, KIND_TYPEDEF << 24, 1]);
        let bytes = builder.bytes();
        assert!(declares(&bytes, "btf_trace_cgroup_mkdir"));
        assert!(!declares(&bytes, "btf_trace_cgroup_rmdir"));
        assert!(!declares(b"", "btf_trace_cgroup_mkdir"));
    }

    #[test]
    fn cgroups_are_described_only_when_all_of_it_is_known() {
        let known = FIELDS.map(|(global, ..)| (global, 8));
        assert!(describe_cgroups(&known));
        for missing in CGROUP_GLOBALS {
            let offsets = known.map(|(global, offset)| {
                let is_missing = global == missing;
                (global, if is_missing { OFFSET_UNKNOWN } else { offset })
            });
            assert!(!describe_cgroups(&offsets), "{missing}");
        }
    }

    #[test]
    fn no_prefix_of_the_information_panics() {
        let bytes = sample();
        for length in 0..bytes.len() {
            let offsets = parse(&bytes[..length]);
            assert!(
                offsets.iter().all(|(_, offset)| *offset == OFFSET_UNKNOWN),
                "{length}"
            );
        }
    }
}
