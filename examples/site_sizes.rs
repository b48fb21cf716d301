//! How large are the pages of twenty web servers? Asked one by one, with a pool of threads, and on the reactor.
//!
//! `cargo run --example site_sizes`. The servers are the program's own, on this machine; each takes 50 ms to answer. So
//! there is next to nothing to compute and much to wait for, and what is compared is how to wait for many at a time.

#![allow(clippy::disallowed_methods, reason = "it times itself")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nbcaser::reactor::{Handle, JoinError, Reactor, Remote, Stream};

const SITES: usize = 20;
const THREADS: usize = 5;
/// How long a server takes to answer.
const DELAY: Duration = Duration::from_millis(50);
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

type Sizes = BTreeMap<SocketAddr, usize>;

fn main() -> io::Result<()> {
    let sites: Vec<SocketAddr> = (1..=SITES)
        .map(|number| serve(1000 * number))
        .collect::<io::Result<_>>()?;
    let expected = timed("one by one", || one_by_one(&sites))?;
    let pool = timed("a pool of 5 threads", || with_a_pool(&sites))?;
    let reactor = timed("on the reactor", || on_the_reactor(&sites))?;
    assert!(
        pool == expected && reactor == expected,
        "all found the same"
    );
    for (site, size) in expected {
        println!("http://{site}/ {size} bytes");
    }
    Ok(())
}

fn timed(how: &str, ask: impl FnOnce() -> io::Result<Sizes>) -> io::Result<Sizes> {
    let start = Instant::now();
    let sizes = ask()?;
    println!(
        "{how}: {} pages in {} ms",
        sizes.len(),
        start.elapsed().as_millis()
    );
    Ok(sizes)
}

fn one_by_one(sites: &[SocketAddr]) -> io::Result<Sizes> {
    sites
        .iter()
        .map(|&site| Ok((site, size_of_page(site)?)))
        .collect()
}

/// Each thread takes the next site when it is done with one; results come in the order in which they are there.
fn with_a_pool(sites: &[SocketAddr]) -> io::Result<Sizes> {
    let todo = Arc::new(Mutex::new(sites.to_vec()));
    let (done, results) = mpsc::channel();
    for _ in 0..THREADS {
        let (todo, done) = (Arc::clone(&todo), done.clone());
        thread::spawn(move || {
            let next = || todo.lock().ok()?.pop();
            while let Some(site) = next() {
                let _ = done.send(size_of_page(site).map(|size| (site, size)));
            }
        });
    }
    drop(done); // the last thread has the last one: with it the results end
    results.into_iter().collect()
}

/// One thread, and a task for each site.
fn on_the_reactor(sites: &[SocketAddr]) -> io::Result<Sizes> {
    let reactor = Reactor::new()?;
    let handle = reactor.handle();
    let sites = sites.to_vec();
    reactor.block_on(async move {
        let ask = |site| (site, handle.spawn(ask_for_page(handle.clone(), site)));
        let tasks: Vec<_> = sites.into_iter().map(ask).collect();
        let mut found = Sizes::new();
        for (site, task) in tasks {
            let size = task
                .await
                .map_err(|error: JoinError| io::Error::other(error.to_string()))?;
            found.insert(site, size?);
        }
        Ok(found)
    })?
}

fn size_of_page(site: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(site)?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    body(&answer)
}

async fn ask_for_page(handle: Handle, site: SocketAddr) -> io::Result<usize> {
    let mut stream = Stream::connect(&handle, &Remote::Tcp(site, None)).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    while stream.fill().await? {
        answer.extend_from_slice(stream.input());
        stream.consume(stream.input().len());
    }
    body(&answer)
}

/// The length of what stands behind the header.
fn body(answer: &[u8]) -> io::Result<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("no page"))?;
    Ok(answer.len() - end - 4)
}

/// A web server with one page of this size.
fn serve(size: usize) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answer = move |stream: TcpStream| -> io::Result<()> {
        let mut request = BufReader::new(&stream).lines();
        while request
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        thread::sleep(DELAY);
        let page = "x".repeat(size);
        (&stream).write_all(format!("HTTP/1.0 200 OK\r\n\r\n{page}").as_bytes())
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream);
        }
    });
    Ok(address)
}
