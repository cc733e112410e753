//! What becomes of a request whose exchange ends without its answer (mcp-wire.md §20), as one table.

use crate::fault::TransportFailure;
use crate::protocol::outcome::Ending;
use crate::protocol::version::Era;

use super::super::event::EndReason;
use super::AnswerShape;

/// What was seen of the exchange, as far as it matters to a request without an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unanswered {
    /// How the request speaks.
    pub(super) era: Era,
    /// The answer travels on an HTTP+SSE channel.
    pub(super) on_channel: bool,
    /// A POST with a 2xx may belong to a channel that is not known.
    pub(super) maybe_on_channel: bool,
    /// Status and shape of the response; `None` when no head came.
    pub(super) head: Option<(u16, AnswerShape)>,
    /// Some part of the response could not be read.
    pub(super) unread: bool,
    /// Some part of the response was no JSON-RPC.
    pub(super) foreign: bool,
    /// Another request of this exchange was answered.
    pub(super) others_answered: bool,
    /// Whether the client can come back for the answer: it has a session.
    pub(super) in_session: bool,
    /// An event id was seen: the stream can be resumed.
    pub(super) event_id: bool,
    /// 404 to a legacy request that named a session.
    pub(super) session_lost: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is over, now.
    Over(Ending),
    /// It was over when the response head came.
    OverAtHead(Ending),
    /// The answer comes on the channel.
    OnChannel,
    /// The client may come back for the answer.
    Parked {
        /// Whether the server ended the exchange.
        by_server: bool,
    },
}

impl Unanswered {
    /// The fate, by the way in which the exchange ended.
    pub(super) fn fate(&self, reason: EndReason) -> Fate {
        let Some((status, shape)) = self.head else { return self.without_head(reason) };
        if !(200..300).contains(&status) {
            return Fate::OverAtHead(Ending::of_status(status, self.session_lost));
        }
        if self.on_channel {
            return Fate::OnChannel;
        }
        match reason {
            EndReason::Drained => Fate::Over(Ending::CutByProxy),
            // SDK clients close right after the answer's event, so an unread stream that the client left is no worse
            // than one that completed. Both are a guess, and counted as not inspected.
            EndReason::ClientGone if self.unread && shape == AnswerShape::EventStream => {
                Fate::Over(Ending::Success)
            }
            EndReason::ClientGone => self.left(),
            EndReason::Complete if self.unread || self.maybe_on_channel => Fate::Over(Ending::Success),
            _ => self.without_answer(shape, reason == EndReason::Complete),
        }
    }

    fn without_head(&self, reason: EndReason) -> Fate {
        match reason {
            EndReason::Drained => Fate::Over(Ending::CutByProxy),
            // The server may have the request nevertheless.
            EndReason::ClientGone if self.on_channel => Fate::OnChannel,
            EndReason::ClientGone => self.left(),
            _ => Fate::Over(Ending::Transport(TransportFailure::Reset)),
        }
    }

    /// The client left before the answer: since 2026-07-28 that cancels, before it does not.
    fn left(&self) -> Fate {
        match self.era {
            Era::Modern => Fate::Over(Ending::Cancelled),
            Era::Legacy if self.is_resumable() => Fate::Parked { by_server: false },
            Era::Legacy => Fate::Over(Ending::Abandoned),
        }
    }

    /// The server ended a 2xx response, as it should (`complete`) or not.
    fn without_answer(&self, shape: AnswerShape, complete: bool) -> Fate {
        if shape == AnswerShape::EventStream {
            return match self.era {
                Era::Legacy if self.event_id => Fate::Parked { by_server: true },
                _ if complete && self.foreign => Fate::Over(Ending::InvalidResponse),
                _ => Fate::Over(Ending::StreamClosed),
            };
        }
        // A body that holds the answers to other requests of the batch is no foreign body.
        let ending =
            if complete && !self.others_answered { Ending::InvalidResponse } else { Ending::StreamClosed };
        Fate::Over(ending)
    }

    const fn is_resumable(&self) -> bool {
        self.in_session || self.event_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::outcome::Interim;

    const MODERN: Unanswered = Unanswered {
        era: Era::Modern,
        on_channel: false,
        maybe_on_channel: false,
        head: None,
        unread: false,
        foreign: false,
        others_answered: false,
        in_session: false,
        event_id: false,
        session_lost: false,
    };
    const LEGACY: Unanswered = Unanswered { era: Era::Legacy, ..MODERN };
    const SESSION: Unanswered = Unanswered { in_session: true, ..LEGACY };
    const CHANNEL: Unanswered = Unanswered { on_channel: true, ..LEGACY };

    const fn json(seen: Unanswered) -> Unanswered {
        Unanswered { head: Some((200, AnswerShape::Json)), ..seen }
    }

    const fn stream(seen: Unanswered) -> Unanswered {
        Unanswered { head: Some((200, AnswerShape::EventStream)), ..seen }
    }

    const fn accepted(seen: Unanswered) -> Unanswered {
        Unanswered { head: Some((202, AnswerShape::Other)), ..seen }
    }

    const fn status(status: u16, seen: Unanswered) -> Unanswered {
        Unanswered { head: Some((status, AnswerShape::Other)), ..seen }
    }

    #[test]
    fn each_row_of_the_table_has_its_fate() {
        use EndReason::{ClientGone, Complete, Drained, NoResponse, ServerError};
        use Ending::{Abandoned, Cancelled, CutByProxy, InvalidResponse, StreamClosed, Success};
        use Fate::{OnChannel, Over, OverAtHead, Parked};
        let reset = Over(Ending::Transport(TransportFailure::Reset));
        let error = |status, session_lost| OverAtHead(Ending::HttpError { status, session_lost });
        let event_id = |seen| Unanswered { event_id: true, ..seen };
        let unread = |seen| Unanswered { unread: true, ..seen };
        let foreign = |seen| Unanswered { foreign: true, ..seen };
        let cases = [
            // no head
            (MODERN, ClientGone, Over(Cancelled)),
            (LEGACY, ClientGone, Over(Abandoned)),
            (SESSION, ClientGone, Parked { by_server: false }),
            (CHANNEL, ClientGone, OnChannel),
            (MODERN, ServerError, reset),
            (SESSION, NoResponse, reset),
            (CHANNEL, NoResponse, reset),
            (SESSION, Drained, Over(CutByProxy)),
            // errors
            (status(401, MODERN), Complete, error(401, false)),
            (status(503, SESSION), ClientGone, error(503, false)),
            (status(307, MODERN), Complete, OverAtHead(Ending::Interim(Interim::Redirected))),
            (status(500, CHANNEL), Complete, error(500, false)),
            (Unanswered { session_lost: true, ..status(404, SESSION) }, Complete, error(404, true)),
            // accepted
            (accepted(MODERN), Complete, Over(InvalidResponse)),
            (accepted(SESSION), Complete, Over(InvalidResponse)),
            (accepted(CHANNEL), Complete, OnChannel),
            (accepted(Unanswered { maybe_on_channel: true, ..LEGACY }), Complete, Over(Success)),
            // JSON
            (json(MODERN), Complete, Over(InvalidResponse)),
            (Unanswered { others_answered: true, ..json(SESSION) }, Complete, Over(StreamClosed)),
            (json(MODERN), ServerError, Over(StreamClosed)),
            (json(MODERN), ClientGone, Over(Cancelled)),
            (json(SESSION), ClientGone, Parked { by_server: false }),
            (json(MODERN), Drained, Over(CutByProxy)),
            (unread(json(MODERN)), Complete, Over(Success)),
            (unread(json(MODERN)), ServerError, Over(StreamClosed)),
            (unread(json(MODERN)), ClientGone, Over(Cancelled)),
            // streams
            (stream(MODERN), Complete, Over(StreamClosed)),
            (event_id(stream(MODERN)), Complete, Over(StreamClosed)),
            (foreign(stream(MODERN)), Complete, Over(InvalidResponse)),
            (foreign(stream(MODERN)), ServerError, Over(StreamClosed)),
            (stream(MODERN), ClientGone, Over(Cancelled)),
            (stream(SESSION), Complete, Over(StreamClosed)),
            (event_id(stream(SESSION)), Complete, Parked { by_server: true }),
            (event_id(stream(SESSION)), ServerError, Parked { by_server: true }),
            (event_id(stream(LEGACY)), Complete, Parked { by_server: true }),
            (event_id(stream(LEGACY)), ClientGone, Parked { by_server: false }),
            (stream(LEGACY), ClientGone, Over(Abandoned)),
            (stream(SESSION), ClientGone, Parked { by_server: false }),
            (event_id(stream(SESSION)), Drained, Over(CutByProxy)),
            (unread(stream(MODERN)), ClientGone, Over(Success)),
            (unread(stream(SESSION)), Complete, Over(Success)),
        ];
        for (seen, reason, expected) in cases {
            assert_eq!(seen.fate(reason), expected, "{seen:?} {reason:?}");
        }
    }
}
