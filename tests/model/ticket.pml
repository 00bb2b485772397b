/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * ticket.pml: [wait.claim] and [wait.woken] of wait/ticket.hpp, as park.cpp uses them. An agent
 * waits twice, each time for a waker or for its timer. For each wait the agent is made runnable
 * once, off its stack, and with the value if the waker won.
 *
 *   here        there
 *   agent       open_wait, park_until_erased; its waker and its timer may come at once
 *   switch      timed_park, on the next stack
 *   claim       agent::claim
 *   mark_woken  agent::mark_woken, and ready if mark_woken says so
 *   waker       an agent that has found the ticket in a queue: it hands a value over, then unparks
 *   alarm       timer_heap::expire, run_timers; disarm waits for their lock
 *
 * All steps on the wait word are read-modify-writes, so interleaving is enough.
 *
 * NO_NUMBER      a ticket does not say which wait it is for
 * CLAIM_BLIND    a claim does not check whether the wait is claimed already
 * WOKEN_FIRST    the waker marks the wait woken, then hands the value over
 * READY_ALWAYS   mark_woken makes the agent runnable, parked or not
 * PARK_SILENT    an agent that was woken before it was off its stack is not made runnable
 * NO_DISARM      the agent goes on without waiting for its timer's lock
 */
#define WAITS 2

bool parked, claimed, woken; /* the bits of the wait word, */
byte number;                 /* and the number of the wait */
bool on_stack = true, runnable;
/* value: what the waker hands over. tickets: the holders of a ticket; bit 0 the waker, bit 1 the timer. */
byte value, tickets[WAITS + 1];
bool alarm_locked, fired;
byte wakes, gone; /* gone: the last wait that has ended: its timer on the stack no longer exists */

#ifdef NO_NUMBER
#define mine(t) true
#else
#define mine(t) (number == (t))
#endif
#ifdef CLAIM_BLIND
#define unclaimed true
#else
#define unclaimed (!claimed)
#endif

inline ready() { atomic { assert(!on_stack && !runnable); runnable = true; wakes++ } }

inline mark_woken() {
#ifdef READY_ALWAYS
    woken = true;
    ready()
#else
    if
    :: atomic { parked -> woken = true }; ready()
    :: atomic { !parked -> woken = true }
    fi
#endif
}

active proctype agent() {
    byte wait = 1;
    do
    :: wait <= WAITS ->
       atomic { number = wait; parked = false; claimed = false; woken = false; value = 0; fired = false; wakes = 0 };
       tickets[wait] = 3; /* the ticket is in the queue, and in the heap of timers */
       on_stack = false; /* switch */
       if
       :: atomic { woken -> parked = true };
#ifndef PARK_SILENT
          ready()
#endif
       :: atomic { !woken -> parked = true }
       fi;
       atomic { runnable -> runnable = false; on_stack = true };
       assert(wakes == 1);
#ifndef NO_DISARM
       atomic { !alarm_locked;
           if :: tickets[wait] >= 2 -> tickets[wait] = tickets[wait] - 2 :: else fi };
#endif
       gone = wait;
       assert(fired != (value == wait)); /* timed out, or woken with the value */
       wait++
    :: else -> break
    od
}

proctype waker(byte t) {
end:
    atomic { tickets[t] == 1 || tickets[t] == 3 -> tickets[t] = tickets[t] - 1 };
    if
    :: atomic { mine(t) && unclaimed -> claimed = true };
#ifdef WOKEN_FIRST
       mark_woken();
       value = t
#else
       value = t;
       mark_woken()
#endif
    :: atomic { !(mine(t) && unclaimed) }
    fi
}

proctype alarm(byte t) {
    bool won;
end:
    atomic { tickets[t] >= 2 && !alarm_locked -> alarm_locked = true; tickets[t] = tickets[t] - 2 };
    if
    :: atomic { mine(t) && unclaimed -> claimed = true; won = true }
    :: atomic { !(mine(t) && unclaimed) }
    fi;
    atomic { assert(gone < t); if :: won -> fired = true :: else fi };
    alarm_locked = false;
    if :: won -> mark_woken() :: else fi
}

init {
    atomic { run waker(1); run waker(2); run alarm(1); run alarm(2) }
}
