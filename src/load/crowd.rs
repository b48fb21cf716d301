//! Clients of other kinds: those who come and go, those who are silent, those who hardly read.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::connection::{Connection, Failure, nanos};
use super::dialogue::Dialogue;
use super::run::{Phase, Run};
use super::trouble::Trouble;
use crate::protocol::messages::QUIT;
use crate::reactor::sync::{Permit, Semaphore};
use crate::reactor::{Missed, interval, sleep};

/// How long one who could not connect waits before he tries again, so that a server that is gone is not tried a hundred
/// thousand times a second.
const PAUSE: Duration = Duration::from_millis(100);
/// A slow reader reads so much so often: ten kilobytes a second.
const SIP: usize = 1024;
const SIPS: Duration = Duration::from_millis(100);

/// One place among those who connect, send one line, quit, and come again.
pub(super) async fn churn(run: Rc<Run>, place: usize, permit: Permit) {
    drop(permit);
    poll_fn(|_| match run.phase.get() {
        Phase::Connecting => Poll::Pending, // all are woken when the load begins
        _ => Poll::Ready(()),
    })
    .await;
    let (mut number, mut last_success) = (place, run.handle.now());
    let mut ended = Ok(());
    while run.may_send(1) == 1 {
        run.take_lines(1);
        run.owe(1);
        let session = session(&run, number, run.phase.get() == Phase::Load).await;
        run.settle(1);
        match session {
            Ok(()) => last_success = run.handle.now(),
            // He gives up once it has gone wrong for as long as a reply may take.
            failed if run.handle.now().since(last_success) > run.plan.timeout => {
                ended = failed;
                break;
            }
            Err(failure) => {
                run.failed(failure);
                sleep(&run.handle, PAUSE).await;
            }
        }
        number += run.plan.connections;
    }
    run.leave(ended);
}

/// One connection with one line, which counts or does not. There is none if the time is over before the greeting.
async fn session(run: &Rc<Run>, number: usize, counts: bool) -> Result<(), Failure> {
    let mut connection = Connection::open(run).await?;
    if !run.is_loading() {
        return Ok(());
    }
    let single = run.script.single(number);
    if let Some((switch, reply)) = single.switch {
        connection.say(switch);
        connection.expect(reply).await?;
    }
    let sent = connection.say(single.line);
    run.sent(u64::from(counts), single.line.len());
    let came = connection.expect(single.reply).await?;
    {
        let mut tally = run.tally.borrow_mut();
        tally.replies += u64::from(run.counts_reply(counts));
        tally.answered += 1;
        tally.bytes_received += single.reply.len() as u64;
        if counts {
            tally.intended.saturating_record(nanos(sent, came));
        }
    }
    connection.say(b"quit\n");
    connection.expect(QUIT).await?;
    let ended = connection.expect_end().await?;
    if connection.begun >= run.counts_from.get() {
        let time = nanos(connection.begun, ended);
        run.tally.borrow_mut().sessions.saturating_record(time);
    }
    Ok(())
}

/// Is greeted, and then silent until the sweep, in which it sends one line; `sweepers` bounds how many do so at a time.
pub(super) async fn idle(run: Rc<Run>, number: usize, permit: Permit, sweepers: Semaphore) {
    let opened = Connection::open(&run).await;
    drop(permit);
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(failure) => return run.leave_crowd(Err(failure)),
    };
    let ended = match silence(&mut connection).await {
        Ok(()) if run.phase.get() == Phase::Sweep => {
            let _permit = sweepers.acquire().await;
            ping(&run, &mut connection, number).await
        }
        ended => ended,
    };
    run.leave_crowd(ended);
}

/// Waits for the end of the run; whatever comes before that is wrong.
async fn silence(connection: &mut Connection) -> Result<(), Failure> {
    let run = Rc::clone(&connection.run);
    let came = poll_fn(|cx| match run.phase.get() {
        Phase::Sweep | Phase::Over => Poll::Ready(None),
        _ => connection.stream.poll_fill(cx, usize::MAX).map(Some),
    });
    match came.await {
        None => Ok(()),
        Some(Ok(true)) => connection.expect_end().await.map(drop), // which is what tells what came
        Some(Ok(false)) => Err(Trouble::ClosedEarly.into()),
        Some(Err(error)) => Err(error.into()),
    }
}

async fn ping(run: &Rc<Run>, connection: &mut Connection, number: usize) -> Result<(), Failure> {
    let single = run.script.single(number);
    if let Some((switch, reply)) = single.switch {
        connection.say(switch);
        connection.expect(reply).await?;
    }
    let sent = connection.say(single.line);
    let came = connection.expect(single.reply).await?;
    run.tally
        .borrow_mut()
        .pings
        .saturating_record(nanos(sent, came));
    Ok(())
}

/// Sends as much as the socket takes, and reads a little now and then. What it reads must be right.
pub(super) async fn slow_reader(run: Rc<Run>, number: usize, permit: Permit) {
    let opened = Connection::open(&run).await;
    drop(permit);
    run.leave_crowd(match opened {
        Ok(connection) => sip(connection, number).await,
        Err(failure) => Err(failure),
    });
}

async fn sip(connection: Connection, number: usize) -> Result<(), Failure> {
    let Connection {
        run,
        mut stream,
        writer,
        ..
    } = connection;
    let mut dialogue = Dialogue::new(&run.script, number);
    let mut ticks = interval(&run.handle, run.handle.now() + SIPS, SIPS, Missed::Skip);
    while !run.is_over() {
        ticks.tick().await;
        if !run.is_loading() {
            continue;
        }
        // As much as the socket takes: it is full once a flush does not come to its end at once.
        while let Poll::Ready(flushed) =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut stream.flush()).poll(cx))).await
        {
            flushed?; // or it would be ready for ever
            writer.write_with(|out| dialogue.ask(usize::MAX, out));
        }
        let sip = poll_fn(|cx| Poll::Ready(stream.poll_fill(cx, SIP))).await;
        let Poll::Ready(more) = sip else { continue };
        if !more? {
            dialogue.finish();
            run.wrong(dialogue.take_mismatches());
            return Err(Trouble::ClosedEarly.into());
        }
        let (heard, bytes) = (dialogue.hear(stream.input()), stream.input().len());
        stream.consume(bytes);
        // The end of a wrong reply may never come.
        let is_wrong = dialogue.is_wrong();
        dialogue.finish();
        run.wrong(dialogue.take_mismatches());
        if is_wrong {
            return Ok(());
        }
        let mut tally = run.tally.borrow_mut();
        tally.slow_replies += heard as u64;
        tally.slow_bytes += bytes as u64;
    }
    Ok(())
}
