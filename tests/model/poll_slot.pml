/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * poll_slot.pml: [slot.ready] and [slot.kick] of io/poll_slot.hpp. Agents read from a stream, which the
 * epoll set watches by edges. They stop at the end of the stream, when it is closed, or at the deadline. The
 * model shows:
 *   - no agent sleeps forever while data or the end of the stream are there;
 *   - no agent sleeps forever after close, or after its deadline;
 *   - a wait is claimed once, and no queue holds a waiter of a wait that has ended.
 *
 *   here         there                                              step of the tag
 *   agent        the loop of watched_descriptor.hpp                 left.1 to left.5
 *   drain        poll_slot::drained                                 left.3
 *   event        netpoller: an event of a batch                     right.1 to right.3
 *   poller       a machine that polls: it takes events from the kernel, and handles them later
 *   outside      the other end of the stream
 *   news         set_deadline and close
 *   alarm        the timer of a wait: ticket.pml has its parts
 *
 * News come only where one agent at a time operates in the direction: [net.hold] of net/socket_record.hpp.
 * With AGENTS=2 there are none.
 *
 * Events change the word under the lock, by one step. Agents change it by a compare-exchange. News are stored
 * before a lock is taken, and read after the word. Interleaving is enough.
 *
 * DRAIN_BLIND       the word is not compared before `drained` is set
 * EVENT_UNLOCKED    an event is handled without the slot's lock
 * SILENT_KICK       close and deadlines wake the waiters, but do not count as an event
 * NEWS_FIRST        an agent reads the news before it reads the word
 * NEWS_ONCE         an agent reads the news once for an operation, not for each attempt
 * PUSH_FIRST        an agent pushes its waiter, and then checks the word
 * CHECK_UNLOCKED    an agent checks the word without the lock, and not again
 * NEWS_FOR_MANY     news come while two agents operate: one of them reads the word before the news, and the other
 *                   one sets `drained` after the event
 * CLAIM_BLIND       an event wakes waiters without a claim
 * KEPT_QUEUED       an agent leaves its waiter in the queue at its deadline
 * ENDED_UNREAD      a short count means that the file is drained, although the end of the stream was seen
 */
#ifndef AGENTS
#define AGENTS 2
#endif
#ifdef NEWS_FOR_MANY
#define ARRIVALS 1 /* fewer states */
#else
#define ARRIVALS 2
#endif
#define OPERATIONS 2

mtype:time = { none, later, passed };

byte data;                /* the stream, */
bool fin;                 /* its end, */
bool registered, pending; /* and its place in the epoll set: an event waits in the kernel's list */
byte count;               /* the word, */
bool drained, ended;      /* and its bits */
bool locked;              /* guards the queue, and the word's changes by events */
bool queued[AGENTS];      /* the queue of waiters */
bool waits[AGENTS], claimed[AGENTS], timed_out[AGENTS], woken[AGENTS], asleep[AGENTS], armed[AGENTS];
mtype:time deadline = none;
bool closed;

inline drain() {
    if
#ifdef DRAIN_BLIND
    :: true -> drained = true
#else
    :: count == seen && ended == seen_ended -> drained = true
    :: else
#endif
    fi
}

inline read_word() { atomic { seen = count; seen_drained = drained; seen_ended = ended } }
inline read_news() { atomic { if :: closed || deadline == passed -> goto done :: else -> until = deadline fi } }
inline push() { waits[me] = true; claimed[me] = false; woken[me] = false; queued[me] = true }

proctype agent(byte me) {
    byte operations = OPERATIONS, seen;
    bool seen_drained, seen_ended;
    mtype:time until;
#ifdef NEWS_ONCE
next:
    read_news();
#else
#define next again
#endif
again:
#ifdef NEWS_FIRST
    read_news();
#endif
    read_word();
#if !defined(NEWS_FIRST) && !defined(NEWS_ONCE)
    read_news();
#endif
    if
    :: atomic { !seen_drained && data > 0 -> data--; operations-- }; /* all that the agent wanted */
       goto next_operation
    :: atomic { !seen_drained && data > 0 -> data = 0; operations-- }; /* a short count: all that was there */
#ifdef ENDED_UNREAD
       atomic { drain() };
#else
       atomic { if :: !seen_ended -> drain() :: else fi };
#endif
next_operation:
       atomic { if :: operations == 0 -> goto done :: else -> goto next fi }
    :: atomic { !seen_drained && data == 0 && fin -> goto done }
    :: atomic { !seen_drained && data == 0 && !fin }; /* EAGAIN */
       atomic { drain() }
    :: atomic { seen_drained }
    fi;
    atomic { seen = 0; seen_ended = false; seen_drained = false;
        if :: !registered -> registered = true; pending = (data > 0 || fin) :: else fi }; /* EPOLL_CTL_ADD */
#ifdef CHECK_UNLOCKED
    if :: !drained -> goto again :: else fi;
    atomic { !locked -> locked = true; push() };
#else
#ifdef PUSH_FIRST
    atomic { !locked -> push(); if :: !drained -> waits[me] = false; goto again :: else -> locked = true fi };
#else
    atomic { !locked -> if :: !drained -> goto again :: else -> locked = true fi };
    atomic { push() };
#endif
#endif
    atomic { armed[me] = (until == later); asleep[me] = true; until = none; locked = false };
end_asleep:
    atomic { woken[me] -> asleep[me] = false; armed[me] = false };
    if
    :: timed_out[me] ->
#ifndef KEPT_QUEUED
       atomic { !locked -> queued[me] = false };
#endif
       waits[me] = false
    :: else -> waits[me] = false; goto again
    fi;
done:
    skip
}

/* Takes a waiter out of the queue, and claims it. It stands on the stack of an agent, which must wait. */
inline take(i) {
    if
    :: queued[i] ->
       assert(waits[i]);
       queued[i] = false;
       if
#ifdef CLAIM_BLIND
       :: true ->
#else
       :: !claimed[i] ->
#endif
          assert(!claimed[i]);
          claimed[i] = true;
          won[i] = true
       :: else
       fi
    :: else
    fi
}

inline take_waiters() {
    atomic { take(0) };
#if AGENTS > 1
    atomic { take(1) }
#endif
}

inline wake_taken() {
    if :: atomic { won[0] -> won[0] = false; woken[0] = true } :: atomic { !won[0] } fi;
#if AGENTS > 1
    if :: atomic { won[1] -> won[1] = false; woken[1] = true } :: atomic { !won[1] } fi
#endif
}

inline count_event(has_end) { count++; drained = false; ended = ended || has_end }

proctype poller() {
    bool has_end, won[AGENTS];
end:
    do
    :: atomic { pending -> pending = false; has_end = fin }; /* epoll_wait */
#ifdef EVENT_UNLOCKED
       atomic { count_event(has_end); has_end = false };
       take_waiters();
#else
       atomic { !locked -> locked = true; count_event(has_end); has_end = false };
       take_waiters();
       locked = false;
#endif
       wake_taken()
    od
}

proctype news() {
    bool won[AGENTS];
    if
    :: closed = true
    :: deadline = passed
    :: deadline = later
    fi;
    atomic { !locked -> locked = true;
#ifndef SILENT_KICK
        count_event(false)
#endif
    };
    take_waiters();
    locked = false;
    wake_taken()
}

proctype outside() {
    byte n = ARRIVALS;
    do
    :: atomic { n > 0 -> n--; data++; pending = registered }
    :: atomic { n == 0 -> fin = true; pending = registered }; break
    :: n == 0 -> break
    od
}

#define alarm(i) atomic { armed[i] && !claimed[i] -> claimed[i] = true; timed_out[i] = true }; woken[i] = true

proctype alarms() {
end:
    do
    :: alarm(0)
#if AGENTS > 1
    :: alarm(1)
#endif
    od
}

init {
    byte a;
    atomic {
        for (a : 0 .. AGENTS - 1) { run agent(a) }
        run poller();
        run outside();
        run alarms();
        if
#if AGENTS == 1 || defined(NEWS_FOR_MANY)
        :: run news()
#endif
        :: deadline = later
        :: true
        fi
    }
    timeout;
    for (a : 0 .. AGENTS - 1) { assert(!asleep[a] || (data == 0 && !fin && !closed && deadline == none)) }
}
