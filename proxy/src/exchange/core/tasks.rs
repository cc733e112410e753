//! Tasks, from the answer that announces them to the message that shows their end.

use std::time::{Duration, Instant};

use crate::protocol::message::{Message, Params, Task, TaskStatus};
use crate::protocol::method::Method;
use crate::protocol::outcome::{Ending, Interim};

use super::super::call::Call;
use super::super::event::{Direction, Event, Operation, OperationKind};
use super::{Core, Reply};

impl Core {
    pub(super) fn follow_task(&self, operation: &Operation, task: &Task, at: Instant) {
        let traced = self.settings.trace.as_ref().zip(operation.trace.as_deref());
        let draft = Box::new(Operation {
            kind: OperationKind::Task,
            first_byte: None,
            status: None,
            // Counted with the request already.
            repeated: false,
            waited_for_client: task.status == Some(TaskStatus::InputRequired),
            trace: traced.map(|(settings, request)| Box::new(settings.begin_task(request))),
            ..operation.clone()
        });
        if let Some(ending) = task.status.and_then(|status| task_ending(status, task.is_error, task.code)) {
            return self.end_task(draft, ending, at);
        }
        let ttl = task.ttl_ms.map_or(self.settings.task_ttl, Duration::from_millis);
        let deadline = at + ttl.min(self.settings.task_ttl_max);
        if self.is_closed() {
            return self.end_task(draft, Ending::Interim(Interim::TaskUnseen), at);
        }
        match self.tasks.insert(&task.id, draft, deadline) {
            Ok(None) => {}
            Ok(Some(replaced)) => self.end_task(replaced, Ending::Interim(Interim::TaskUnseen), at),
            Err(draft) => {
                self.full();
                self.end_task(draft, Ending::Interim(Interim::TaskUnseen), at);
            }
        }
    }

    pub(super) fn task_answer(
        &self,
        call: &Call,
        operation: &Operation,
        message: &mut Message,
        reply: &Reply,
    ) {
        let answer = &message.answer;
        let about = call.facts.task.as_deref().or(answer.task.as_ref().map(|task| task.id.as_str()));
        let Some(id) = about else { return };
        if answer.task.as_ref().and_then(|task| task.status) == Some(TaskStatus::InputRequired) {
            self.tasks.wait_for_client(call.direction, id);
        }
        let ending = match (&call.method, operation.ending) {
            // "Task not found" looks like an invalid parameter: it says nothing about the task.
            (Method::TasksResult, Ending::RpcError { code: Some(-32602), .. }) => None,
            (
                Method::TasksResult,
                ending @ (Ending::Success | Ending::ToolError | Ending::RpcError { .. }),
            ) => Some(ending),
            (_, Ending::Success) => answer.task.as_ref().and_then(|task| {
                task.status.and_then(|status| task_ending(status, task.is_error, task.code))
            }),
            _ => None,
        };
        let Some(ending) = ending else { return };
        if let Some(mut draft) = self.tasks.take(call.direction, id) {
            draft.content = answer.content;
            draft.first_byte = reply.first_byte;
            draft.status = reply.status;
            if draft.chosen {
                draft.kept = self.kept(call.facts.parts, message);
            }
            self.end_task(draft, ending, reply.at);
        }
    }

    /// A notification about a task of requests in this direction.
    pub(in super::super) fn task_notification(&self, direction: Direction, params: &Params, at: Instant) {
        let id = params.task_id.as_deref().or(params.meta.related_task.as_deref());
        if let (Some(id), Some(TaskStatus::InputRequired)) = (id, params.task_status) {
            self.tasks.wait_for_client(direction, id);
        }
        let ending =
            params.task_status.and_then(|status| task_ending(status, params.task_is_error, params.task_code));
        if let (Some(id), Some(ending)) = (id, ending)
            && let Some(draft) = self.tasks.take(direction, id)
        {
            self.end_task(draft, ending, at);
        }
    }

    pub(super) fn end_task(&self, mut draft: Box<Operation>, ending: Ending, at: Instant) {
        draft.ending = ending;
        draft.ended = at;
        self.emit(Event::OperationEnded(draft));
    }
}

/// How a task ended; `None` while it goes on.
fn task_ending(status: TaskStatus, is_error: bool, code: Option<i64>) -> Option<Ending> {
    match status {
        TaskStatus::Completed if is_error => Some(Ending::ToolError),
        TaskStatus::Completed => Some(Ending::Success),
        TaskStatus::Failed => Some(match code {
            Some(_) => Ending::RpcError { code, status: None },
            None => Ending::ToolError,
        }),
        TaskStatus::Cancelled => Some(Ending::Cancelled),
        TaskStatus::Working | TaskStatus::InputRequired | TaskStatus::Other => None,
    }
}
