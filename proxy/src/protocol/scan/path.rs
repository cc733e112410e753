//! Which members of a message are read, and where they stand.
//!
//! A [`Context`] is an object or array whose members are looked at; a [`Slot`] is one value in it. Everything else is
//! [`Slot::Unread`] and skipped without looking at its inside.

use crate::protocol::message::limits;

/// Contexts that can be open at once: batch, message, result, content, element, resource.
pub(super) const DEPTH: usize = 6;

/// Bytes of the longest key in the tables below; longer ones are read by nobody.
pub(super) const LONGEST_KEY: usize = 40;

/// Bytes kept of a text that is only compared with known words (revisions, statuses, types).
const WORD: usize = 32;

/// An object or array whose members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Batch,
    Message,
    Params,
    ParamsMeta,
    RelatedTask,
    ParamsResult,
    ParamsError,
    ParamsClient,
    MetaClient,
    Result,
    ResultMeta,
    ResultTask,
    InnerResult,
    InnerError,
    ResultServer,
    MetaServer,
    Content,
    Element,
    Resource,
    Error,
}

macro_rules! slots {
    ($($(#[$doc:meta])* $slot:ident,)*) => {
        /// A value that is read. The slots of one context stand together and are fewer than 64 ([`Slot::bit`]).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Slot {
            $($(#[$doc])* $slot,)*
        }

        /// All slots, each at the place of its number.
        const SLOTS: &[Slot] = &[$(Slot::$slot,)*];
    };
}

slots! {
    Unread,
    /// The whole document.
    Document,
    /// An element of a batch.
    Message,
    /// An element of `result.content`.
    Element,
    // Message
    Version2,
    Id,
    Method,
    Params,
    Result,
    Error,
    // Params
    Name,
    Uri,
    Arguments,
    ParamsVersion,
    ParamsClient,
    CancelledId,
    ParamsTaskId,
    ParamsStatus,
    WantsTask,
    ParamsState,
    Cursor,
    ParamsMeta,
    ParamsResult,
    ParamsError,
    // ParamsResult, ParamsError
    ParamsIsError,
    ParamsCode,
    // ParamsMeta
    MetaVersion,
    MetaClient,
    Subscription,
    RelatedTask,
    TraceParent,
    TraceState,
    // RelatedTask
    RelatedTaskId,
    // ParamsClient, MetaClient, ResultServer, MetaServer
    ClientName,
    ClientVersion,
    MetaClientName,
    MetaClientVersion,
    ServerName,
    ServerVersion,
    MetaServerName,
    MetaServerVersion,
    // Result
    IsError,
    ResultType,
    ResultState,
    Content,
    Structured,
    Task,
    FlatTaskId,
    FlatStatus,
    FlatTtl,
    FlatTtlMs,
    InnerResult,
    InnerError,
    Tools,
    NextCursor,
    ResultVersion,
    ResultServer,
    ResultMeta,
    // ResultMeta
    MetaServer,
    // ResultTask
    TaskId,
    TaskStatus,
    TaskTtl,
    TaskTtlMs,
    // InnerResult, InnerError
    InnerIsError,
    InnerCode,
    // Element, Resource
    ElementType,
    ElementText,
    ElementData,
    ElementMime,
    ElementUri,
    ElementName,
    Resource,
    ResourceText,
    // Error
    Code,
}

/// What is asked of every slot that comes, as bits: one load for all of it.
static FLAGS: [u8; SLOTS.len()] = {
    let mut flags = [0; SLOTS.len()];
    let mut at = 0;
    while at < SLOTS.len() {
        flags[at] = SLOTS[at].flags();
        at += 1;
    }
    flags
};

/// See [`Slot::is_simple`].
const SIMPLE: u8 = 1;
/// See [`Slot::begins`].
const BEGINS: u8 = 1 << 1;
/// See [`Slot::is_read_object`].
const READ_OBJECT: u8 = 1 << 2;
/// See [`Slot::is_text`].
const TEXT: u8 = 1 << 3;

/// How much of a string is kept, and whether all of it is hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) cap: usize,
    pub(super) hashed: bool,
}

impl Context {
    /// The value under `key`.
    pub(super) fn member(self, key: &[u8]) -> Slot {
        match self {
            Self::Message => message(key),
            Self::Params => params(key),
            Self::ParamsMeta => params_meta(key),
            Self::Result => result(key),
            Self::Element => match key {
                b"type" => Slot::ElementType,
                b"text" => Slot::ElementText,
                b"resource" => Slot::Resource,
                b"data" => Slot::ElementData,
                b"mimeType" => Slot::ElementMime,
                b"uri" => Slot::ElementUri,
                b"name" => Slot::ElementName,
                _ => Slot::Unread,
            },
            Self::ResultTask => match key {
                b"taskId" => Slot::TaskId,
                b"status" => Slot::TaskStatus,
                b"ttl" => Slot::TaskTtl,
                b"ttlMs" => Slot::TaskTtlMs,
                _ => Slot::Unread,
            },
            Self::Resource => only(key, b"text", Slot::ResourceText),
            Self::Error => only(key, b"code", Slot::Code),
            Self::InnerError => only(key, b"code", Slot::InnerCode),
            Self::InnerResult => only(key, b"isError", Slot::InnerIsError),
            Self::ParamsError => only(key, b"code", Slot::ParamsCode),
            Self::ParamsResult => only(key, b"isError", Slot::ParamsIsError),
            Self::RelatedTask => only(key, b"taskId", Slot::RelatedTaskId),
            Self::ResultMeta => only(key, b"io.modelcontextprotocol/serverInfo", Slot::MetaServer),
            Self::ParamsClient => implementation(key, Slot::ClientName, Slot::ClientVersion),
            Self::MetaClient => implementation(key, Slot::MetaClientName, Slot::MetaClientVersion),
            Self::ResultServer => implementation(key, Slot::ServerName, Slot::ServerVersion),
            Self::MetaServer => implementation(key, Slot::MetaServerName, Slot::MetaServerVersion),
            Self::Batch | Self::Content => Slot::Unread,
        }
    }

    /// What each element is, for an array; `None` for an object.
    pub(super) const fn element(self) -> Option<Slot> {
        match self {
            Self::Batch => Some(Slot::Message),
            Self::Content => Some(Slot::Element),
            _ => None,
        }
    }
}

fn message(key: &[u8]) -> Slot {
    match key {
        b"jsonrpc" => Slot::Version2,
        b"id" => Slot::Id,
        b"method" => Slot::Method,
        b"params" => Slot::Params,
        b"result" => Slot::Result,
        b"error" => Slot::Error,
        _ => Slot::Unread,
    }
}

fn params(key: &[u8]) -> Slot {
    match key {
        b"name" => Slot::Name,
        b"uri" => Slot::Uri,
        b"arguments" => Slot::Arguments,
        b"protocolVersion" => Slot::ParamsVersion,
        b"clientInfo" => Slot::ParamsClient,
        b"requestId" => Slot::CancelledId,
        b"taskId" => Slot::ParamsTaskId,
        b"status" => Slot::ParamsStatus,
        b"task" => Slot::WantsTask,
        b"requestState" => Slot::ParamsState,
        b"cursor" => Slot::Cursor,
        b"_meta" => Slot::ParamsMeta,
        b"result" => Slot::ParamsResult,
        b"error" => Slot::ParamsError,
        _ => Slot::Unread,
    }
}

fn params_meta(key: &[u8]) -> Slot {
    match key {
        b"io.modelcontextprotocol/protocolVersion" => Slot::MetaVersion,
        b"io.modelcontextprotocol/clientInfo" => Slot::MetaClient,
        b"io.modelcontextprotocol/subscriptionId" => Slot::Subscription,
        b"io.modelcontextprotocol/related-task" => Slot::RelatedTask,
        b"traceparent" => Slot::TraceParent,
        b"tracestate" => Slot::TraceState,
        _ => Slot::Unread,
    }
}

fn result(key: &[u8]) -> Slot {
    match key {
        b"isError" => Slot::IsError,
        b"resultType" => Slot::ResultType,
        b"requestState" => Slot::ResultState,
        b"content" => Slot::Content,
        b"structuredContent" => Slot::Structured,
        b"task" => Slot::Task,
        b"taskId" => Slot::FlatTaskId,
        b"status" => Slot::FlatStatus,
        b"ttl" => Slot::FlatTtl,
        b"ttlMs" => Slot::FlatTtlMs,
        b"result" => Slot::InnerResult,
        b"error" => Slot::InnerError,
        b"tools" => Slot::Tools,
        b"nextCursor" => Slot::NextCursor,
        b"protocolVersion" => Slot::ResultVersion,
        b"serverInfo" => Slot::ResultServer,
        b"_meta" => Slot::ResultMeta,
        _ => Slot::Unread,
    }
}

fn implementation(key: &[u8], name: Slot, version: Slot) -> Slot {
    match key {
        b"name" => name,
        b"version" => version,
        _ => Slot::Unread,
    }
}

fn only(key: &[u8], known: &[u8], slot: Slot) -> Slot {
    if key == known { slot } else { Slot::Unread }
}

impl Slot {
    /// Marks the slot among those of its context.
    pub(super) const fn bit(self) -> u64 {
        1 << (self as u8 % 64)
    }

    /// The context that opens when the value is an object.
    pub(super) const fn object(self) -> Option<Context> {
        Some(match self {
            Self::Document | Self::Message => Context::Message,
            Self::Params => Context::Params,
            Self::ParamsMeta => Context::ParamsMeta,
            Self::ParamsResult => Context::ParamsResult,
            Self::ParamsError => Context::ParamsError,
            Self::RelatedTask => Context::RelatedTask,
            Self::ParamsClient => Context::ParamsClient,
            Self::MetaClient => Context::MetaClient,
            Self::Result => Context::Result,
            Self::ResultMeta => Context::ResultMeta,
            Self::Task => Context::ResultTask,
            Self::InnerResult => Context::InnerResult,
            Self::InnerError => Context::InnerError,
            Self::ResultServer => Context::ResultServer,
            Self::MetaServer => Context::MetaServer,
            Self::Element => Context::Element,
            Self::Resource => Context::Resource,
            Self::Error => Context::Error,
            _ => return None,
        })
    }

    /// The context that opens when the value is an array.
    pub(super) const fn array(self) -> Option<Context> {
        match self {
            Self::Document => Some(Context::Batch),
            Self::Content => Some(Context::Content),
            _ => None,
        }
    }

    /// How the value is read when it is a string; `None` when at most its size matters.
    pub(super) const fn text(self) -> Option<Reading> {
        let (cap, hashed) = match self {
            Self::Method
            | Self::Name
            | Self::ClientName
            | Self::ClientVersion
            | Self::MetaClientName
            | Self::MetaClientVersion
            | Self::ServerName
            | Self::ServerVersion
            | Self::MetaServerName
            | Self::MetaServerVersion => (limits::NAME, false),
            Self::Uri
            | Self::ParamsTaskId
            | Self::RelatedTaskId
            | Self::FlatTaskId
            | Self::TaskId
            | Self::TraceParent
            | Self::TraceState => (limits::TEXT, false),
            Self::Id | Self::CancelledId | Self::Subscription => (limits::ID, true),
            Self::ParamsState | Self::ResultState => (0, true),
            Self::Version2
            | Self::ParamsVersion
            | Self::ParamsStatus
            | Self::MetaVersion
            | Self::ResultType
            | Self::FlatStatus
            | Self::TaskStatus
            | Self::ResultVersion
            | Self::ElementType => (WORD, false),
            _ => return None,
        };
        Some(Reading { cap, hashed })
    }

    /// Whether trace context is written to the value, so that its place counts.
    pub(super) const fn is_context(self) -> bool {
        matches!(self, Self::TraceParent | Self::TraceState)
    }

    /// Whether a string, number or word in it is its text or value and nothing more: its size, place and spelling are no
    /// facts, it is not captured, and nothing ends with it.
    #[inline]
    pub(super) fn is_simple(self) -> bool {
        FLAGS[self as usize] & SIMPLE != 0
    }

    /// Whether it is a fact, beyond its text or value, that a string, number or word is there.
    #[inline]
    pub(super) fn begins(self) -> bool {
        FLAGS[self as usize] & BEGINS != 0
    }

    /// Whether an object in it opens a context.
    #[inline]
    pub(super) fn is_read_object(self) -> bool {
        FLAGS[self as usize] & READ_OBJECT != 0
    }

    /// Whether [`Slot::text`] says how to read a string in it.
    #[inline]
    pub(super) fn is_text(self) -> bool {
        FLAGS[self as usize] & TEXT != 0
    }

    const fn flags(self) -> u8 {
        let simple = !matches!(
            self,
            Self::Document
                | Self::Message
                | Self::Element
                | Self::Result
                | Self::Arguments
                | Self::Tools
                | Self::Structured
                | Self::ElementText
                | Self::ResourceText
                | Self::TraceParent
                | Self::TraceState
        );
        let begins = matches!(
            self,
            Self::Params
                | Self::ParamsMeta
                | Self::Error
                | Self::Cursor
                | Self::Resource
                | Self::ElementData
                | Self::ElementMime
                | Self::ElementUri
                | Self::ElementName
                | Self::Content
                | Self::WantsTask
                | Self::ResultType
                | Self::NextCursor
        );
        let read_object = self.object().is_some();
        (simple as u8 * SIMPLE)
            | (begins as u8 * BEGINS)
            | (read_object as u8 * READ_OBJECT)
            | (self.text().is_some() as u8 * TEXT)
    }

    /// Whether the spelling of a number counts, beyond its value.
    pub(super) const fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::CancelledId | Self::Subscription)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_slots_that_begin_with_a_fact_say_so() {
        use super::super::facts::{Facts, Shape};
        for slot in SLOTS.iter().filter(|slot| slot.is_simple() && !slot.begins()) {
            for shape in [Shape::Text, Shape::Scalar] {
                let mut facts = Facts::default();
                facts.begin(*slot, shape);
                assert_eq!(format!("{facts:?}"), format!("{:?}", Facts::default()), "{slot:?} {shape:?}");
            }
        }
    }

    #[test]
    fn slots_of_one_context_have_bits_of_their_own() {
        assert!(SLOTS.iter().enumerate().all(|(place, slot)| *slot as usize == place));
    }

    #[test]
    fn longest_key_fits() {
        for key in ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/subscriptionId"] {
            assert_ne!(Context::ParamsMeta.member(key.as_bytes()), Slot::Unread);
            assert!(key.len() <= LONGEST_KEY);
        }
    }
}
