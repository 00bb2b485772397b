/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * poll_watch.pml: [poller.watch] of sched/poller.hpp, [machine.watch] of sched/machine.hpp and
 * [netpoller.interrupt] of io/netpoller.hpp. While agents wait for the poller and all machines are idle, one
 * machine sleeps in the poller. The model shows:
 *   - while an agent waits, and no machine runs fibers, a machine sleeps in the poller;
 *   - a machine that was woken does not sleep on, whether it sleeps in the poller or on its futex.
 *
 *   here            there
 *   machine         find_runnable; work_finder::sleep, begin_watch, watch, sleep_as_spare
 *   watch           machine::watch_until, netpoller::wait
 *   futex           machine::sleep_until
 *   wake            machine::wake, netpoller::interrupt
 *   poll            netpoller::poll, by a busy machine
 *   ensure_watcher  work_finder::ensure_watcher
 *   hand_off        hand_off() to a spare, which goes on sleeping as an idle machine
 *   regain          regain(): robs an idle machine of its processor
 *   thread          an OS thread that waits for a descriptor
 *   remote_caller   inject: publishes a fiber
 *   outside         the other ends of the files
 *
 * idle_wake.pml has the rules by which idle machines are woken. Here a publisher passes a full fence and
 * always wakes one. sysmon is left out: it is awake only while a machine is not idle.
 *
 * NO_WAKE_FENCE       wake() passes no fence before it reads where the machine sleeps
 * NO_WATCH_FENCE      a watcher passes no fence before it reads its wake word
 * NO_FLAG             wait() does not look at the flag
 * POLL_CLEARS         a busy machine that receives the ring of the eventfd clears the flag
 * FLAG_FIRST          a watcher looks at the flag, then takes the poller's lock
 * LOOK_BEFORE_LIST    a machine looks whether agents wait before it enlists as idle
 * NO_ENSURE_FENCE     a machine that stops watching passes no fence before ensure_watcher()
 * ROBBED_IN_SILENCE   a watcher that was robbed does not call ensure_watcher()
 * HANDED_IN_SILENCE   hand_off() does not call ensure_watcher()
 * THREAD_IN_SILENCE   a thread that begins to wait does not call ensure_watcher()
 */
#ifndef PROCESSORS
#define PROCESSORS 2
#endif
#define MACHINES 2
#define REMOTE_CALLER MACHINES
#define THREAD (MACHINES + 1)
#define AGENTS (MACHINES + 2)
#define NOBODY 0

#define WAKE_WORD(m) (m)
#define WATCHED(m) (MACHINES + (m))
#define WATCHER (2 * MACHINES)
#define FLAG (2 * MACHINES + 1)
#define VARIABLES (2 * MACHINES + 2)
#include "tso.pml"

byte awaited, ready_fibers, waiting_fibers;       /* fibers that wait for the poller; those with an event */
bool ready_thread, waiting_thread, thread_woken;  /* the same of the thread */
bool ring;                                        /* the eventfd's event waits in the set */
bool polling;                                     /* the poller's lock */
byte work, polled;                                /* fibers in the global queue, and how many the poller returned */
bool listed[MACHINES], is_spare[MACHINES], on_futex[MACHINES], in_wait[MACHINES], computes[MACHINES];
byte MAY; /* how often each of these events may happen */

#define first(list) (list[0] -> 0 : (list[1] -> 1 : MACHINES))

inline wake(m) {
    store(WAKE_WORD(m), 1);
#ifndef NO_WAKE_FENCE
    drained;
#endif
    if
    :: load(WATCHED(m)) == 1 -> interrupt()
    :: load(WATCHED(m)) == 0 -> atomic { drained -> on_futex[m] = false } /* the kernel's lock is a fence */
    fi
}

inline interrupt() {
    if
    :: atomic { drained && memory[FLAG] == 0 -> memory[FLAG] = 1 };
       atomic { drained -> ring = true }
    :: atomic { drained && memory[FLAG] == 1 }
    fi
}

inline wake_one() {
    atomic { drained -> x = first(listed); if :: x < MACHINES -> listed[x] = false :: else fi };
    if :: x < MACHINES -> wake(x) :: else fi;
    x = 0
}

inline publish() { drained; wake_one() }

inline ensure_watcher() {
    if
    :: awaited > 0 && load(WATCHER) == NOBODY -> wake_one()
    :: awaited == 0 || load(WATCHER) != NOBODY
    fi
}

/* Takes all events of the set. The poller's lock is held. */
inline receive() {
    got = got + ready_fibers;
    ready_fibers = 0;
    if :: ready_thread -> ready_thread = false; thread_woken = true :: else fi;
    rung = ring;
    ring = false
}

proctype machine(byte me) {
    byte x, got;
    bool rung, seen, was_woken;
    if :: me < PROCESSORS -> goto runs :: else -> goto spare fi;
find:
    if
    :: atomic { drained && work > 0 -> work--; if :: polled > 0 -> polled--; awaited-- :: else fi; goto runs }
    :: atomic { work == 0 }
    fi;
    if /* poll */
    :: awaited > 0 && load(WATCHER) == NOBODY ->
       if :: atomic { drained && !polling -> polling = true } :: atomic { polling -> goto sleeps } fi;
       atomic { receive() };
#ifdef POLL_CLEARS
       if :: rung -> store(FLAG, 0) :: else fi;
#endif
       atomic { drained -> rung = false; polling = false };
       if :: atomic { got > 0 && drained -> awaited = awaited - got; got = 0; goto runs } :: atomic { got == 0 } fi
    :: true
    fi;
sleeps:
#ifdef LOOK_BEFORE_LIST
    seen = awaited > 0;
#endif
    atomic { drained -> listed[me] = true };
    if
    :: work > 0 ->
       if
       :: atomic { drained && listed[me] -> listed[me] = false; seen = false; goto find }
       :: atomic { !listed[me] }; seen = false; publish(); goto futex
       fi
    :: atomic { work == 0 }
    fi;
#ifndef LOOK_BEFORE_LIST
    seen = awaited > 0;
#endif
    if
    :: atomic { seen && drained && memory[WATCHER] == NOBODY -> memory[WATCHER] = me + 1; seen = false }
    :: atomic { !seen || memory[WATCHER] != NOBODY -> seen = false; goto futex }
    fi;
    /* watch */
    store(WATCHED(me), 1);
#ifndef NO_WATCH_FENCE
    drained;
#endif
again:
    if
    :: atomic { load(WAKE_WORD(me)) == 1 -> goto stops }
    :: atomic { load(WAKE_WORD(me)) == 0 }
    fi;
#ifdef FLAG_FIRST
    if :: atomic { drained && memory[FLAG] == 1 -> memory[FLAG] = 0; goto again } :: memory[FLAG] == 0 fi;
#endif
    atomic { drained && !polling -> polling = true };
    if
#if !defined(NO_FLAG) && !defined(FLAG_FIRST)
    :: atomic { drained && memory[FLAG] == 1 -> memory[FLAG] = 0; polling = false; goto again }
    :: atomic { memory[FLAG] == 0 -> in_wait[me] = true }
#else
    :: in_wait[me] = true
#endif
    fi;
end_in_wait:
    if
    :: atomic { ring || ready_fibers > 0 || ready_thread -> receive(); in_wait[me] = false }
    :: atomic { timers > 0 -> timers--; in_wait[me] = false; seen = true } /* the deadline */
    fi;
    atomic { drained -> memory[FLAG] = 0; polling = false; rung = false };
    if :: got == 0 && !seen -> goto again :: else fi;
stops:
    store(WATCHED(me), 0);
    atomic { drained -> seen = false };
    if
    :: atomic { load(WAKE_WORD(me)) == 1 -> was_woken = true }; store(WAKE_WORD(me), 0)
    :: atomic { load(WAKE_WORD(me)) == 0 }
    fi;
    store(WATCHER, NOBODY);
#ifndef NO_ENSURE_FENCE
    drained;
#endif
    if
    :: atomic { was_woken -> was_woken = false; goto has_processor }
    :: atomic { !was_woken && drained && listed[me] -> listed[me] = false; goto has_processor }
    :: atomic { !was_woken && !listed[me] }
    fi;
    /* robbed, or a wake() is on its way */
    if
    :: got > 0 -> atomic { drained -> work = work + got; polled = polled + got; got = 0 }; publish()
    :: got == 0
    fi;
#ifndef ROBBED_IN_SILENCE
    ensure_watcher();
#endif
    goto futex;
has_processor:
    if
    :: atomic { got > 0 && drained -> awaited = awaited - got; got = 0; goto runs }
    :: atomic { got == 0 -> goto find }
    fi;

spare:
    atomic { drained -> is_spare[me] = true };
futex:
    if
    :: atomic { drained && memory[WAKE_WORD(me)] == 0 -> on_futex[me] = true };
end_on_futex:
       !on_futex[me]
    :: atomic { drained && memory[WAKE_WORD(me)] == 1 }
    fi;
    if
    :: atomic { load(WAKE_WORD(me)) == 1 }; store(WAKE_WORD(me), 0); goto find
    :: atomic { load(WAKE_WORD(me)) == 0 -> goto futex }
    fi;

runs:
    if
    :: atomic { parks > 0 && drained -> parks--; awaited++; waiting_fibers++ }; goto find
    :: atomic { blocks > 0 && drained -> blocks--;
           x = first(is_spare);
           if
           :: x < MACHINES -> is_spare[x] = false; listed[x] = true; x = 0
           :: else -> x = 0; goto find
           fi };
       if /* hand_off */
       :: work > 0 -> wake_one()
       :: work == 0 ->
#ifndef HANDED_IN_SILENCE
          ensure_watcher()
#else
          skip
#endif
       fi;
       if
       :: goto end_blocked /* for ever */
       :: atomic { drained && (listed[0] || listed[1]) -> x = first(listed); listed[x] = false; is_spare[x] = true; x = 0 };
          goto runs /* regain */
       :: atomic { drained -> work++ }; publish(); goto spare
       fi
    :: goto find
    :: computes[me] = true
    fi;
end_computes:
end_blocked:
    false
}

proctype thread(byte me) {
    byte x;
    atomic { drained -> awaited++; waiting_thread = true };
#ifndef THREAD_IN_SILENCE
    ensure_watcher();
#endif
end:
    thread_woken;
    atomic { drained -> thread_woken = false; awaited-- }
}

proctype remote_caller(byte me) {
    byte x;
    do
    :: atomic { publications > 0 && drained -> publications--; work++ }; publish()
    :: atomic { publications == 0 -> break }
    od
}

proctype outside() {
end:
    do
    :: atomic { waiting_fibers > 0 -> waiting_fibers--; ready_fibers++ }
    :: atomic { waiting_thread -> waiting_thread = false; ready_thread = true }
    od
}

init {
    byte i;
    atomic {
        for (i : 0 .. MACHINES - 1) { run machine(i) }
        run remote_caller(REMOTE_CALLER);
        run outside();
        if :: threads > 0 -> run thread(THREAD) :: else fi
    }
    timeout;
    assert(computes[0] || computes[1] || awaited == 0 || in_wait[0] || in_wait[1]);
    assert(computes[0] || computes[1] || work == 0);
    for (i : 0 .. MACHINES - 1) { assert((!on_futex[i] && !in_wait[i]) || memory[WAKE_WORD(i)] == 0) }
}
