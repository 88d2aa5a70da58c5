//! The code that the layouts share: their structs have the same fields at other places.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Implements what an `Abi` does to slots and answers, by the structs that stand around it.
macro_rules! codec {
    () => {
        fn request(request: &Request) -> Slot {
            let mut slot = Slot::new_zeroed();
            let operation = request.operation().0;
            match request {
                Request::Transfer(Transfer { disk, start, segments, .. }) => put(
                    &mut slot,
                    &ReadWrite {
                        operation,
                        // No more than `MAX_SEGMENTS`.
                        nr_segments: u8::try_from(segments.as_slice().len()).unwrap_or_default(),
                        handle: disk.0,
                        sector_number: start.0.into(),
                        seg: segments.raw(),
                        ..ReadWrite::new_zeroed()
                    },
                ),
                Request::Discard(Discard { disk, start, length, flags }) => put(
                    &mut slot,
                    &DiscardSlot {
                        operation,
                        flag: flags.bits(),
                        handle: disk.0,
                        sector_number: start.0.into(),
                        nr_sectors: length.0.into(),
                        ..DiscardSlot::new_zeroed()
                    },
                ),
                Request::Indirect(indirect) => put(
                    &mut slot,
                    &IndirectSlot {
                        operation,
                        indirect_op: indirect.access().operation().0,
                        nr_segments: indirect.raw_count(),
                        sector_number: indirect.start().0.into(),
                        handle: indirect.disk().0,
                        indirect_grefs: indirect.raw_pages(),
                        ..IndirectSlot::new_zeroed()
                    },
                ),
                Request::Other(_) => put(&mut slot, &ReadWrite { operation, ..ReadWrite::new_zeroed() }),
            }
            slot
        }

        fn asked(slot: &Slot, limit: SegmentLimit) -> Result<Request, BadRequest> {
            let head: &ReadWrite = zerocopy::transmute_ref!(slot);
            let access = match Operation(head.operation) {
                Operation::READ => Access::Read,
                Operation::WRITE => Access::Write,
                Operation::WRITE_BARRIER => Access::Barrier,
                Operation::FLUSH_DISKCACHE => Access::Flush,
                Operation::DISCARD => {
                    let DiscardSlot { flag, handle, sector_number, nr_sectors, .. } = take(slot);
                    return Request::Discard(Discard {
                        disk: Disk(handle),
                        start: Sector(sector_number.into()),
                        length: Sectors(nr_sectors.into()),
                        flags: DiscardFlags::from_bits_retain(flag),
                    })
                    .check();
                }
                Operation::INDIRECT => {
                    let IndirectSlot { indirect_op, nr_segments, sector_number, handle, indirect_grefs, .. } =
                        take(slot);
                    let what = (Operation(indirect_op), usize::from(nr_segments));
                    let place = (Disk(handle), Sector(sector_number.into()));
                    return Indirect::check(what, place, (indirect_grefs.map(GrantRef), limit)).map(Request::Indirect);
                }
                unknown => return Ok(Request::Other(unknown)),
            };
            Request::Transfer(Transfer {
                access,
                disk: Disk(head.handle),
                start: Sector(head.sector_number.into()),
                segments: Segments::check(&head.seg, usize::from(head.nr_segments))?,
            })
            .check()
        }

        fn id(slot: &Slot) -> RequestId {
            let ReadWrite { id, .. } = zerocopy::transmute_ref!(slot);
            RequestId((*id).into())
        }

        fn stamp(slot: &mut Slot, id: RequestId) {
            let head: &mut ReadWrite = zerocopy::transmute_mut!(slot);
            head.id = id.0.into();
        }

        fn asked_for(slot: &Slot) -> AskedFor {
            let head: IndirectSlot = take(slot);
            let operation = Operation(head.operation);
            let inner = if operation == Operation::INDIRECT { Operation(head.indirect_op) } else { operation };
            AskedFor { operation, inner }
        }

        fn answer(response: &Response) -> Answer {
            Answer {
                id: response.id.0.into(),
                operation: response.operation.0,
                status: response.status.0,
                ..Answer::new_zeroed()
            }
        }

        fn response(answer: &Answer) -> Response {
            Response {
                id: RequestId(answer.id.into()),
                operation: Operation(answer.operation),
                status: Status(answer.status),
            }
        }
    };
}
pub(super) use codec;

/// Puts one of the structs at the start of a slot.
pub(super) fn put<T: IntoBytes + Immutable>(slot: &mut (impl FromBytes + IntoBytes), value: &T) {
    if value.write_to_prefix(slot.as_mut_bytes()).is_err() {
        unreachable!("none is longer than a slot");
    }
}

/// Takes one of the structs from the start of a slot.
pub(super) fn take<T: FromBytes>(slot: &(impl IntoBytes + Immutable)) -> T {
    match T::read_from_prefix(slot.as_bytes()) {
        Ok((value, _)) => value,
        Err(_) => unreachable!("none is longer than a slot"),
    }
}
