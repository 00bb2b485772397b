/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * ticket.pml: [wait.claim] and [wait.woken] of base/ticket.hpp, as park.cpp uses them: an agent waits twice, each time for a
 * waker or its timer. It is made runnable once for each wait, off its stack, and with the value if the waker won.
 *
 *   here        there
 *   agent       open_wait, park_until_erased; its waker and timer may come at once
 *   switch      contested_park::run, on the next stack
 *   claim       agent::claim
 *   mark_woken  agent::mark_woken, and ready if it says so
 *   waker       whoever has found the ticket in a queue: it hands a value over, then unparks
 *   alarm       timer_heap::expire, run_timers; disarm waits for its lock
 *
 * All steps on the wait word are read-modify-writes: interleaving is enough.
 *
 * NO_NUMBER      a ticket does not say which wait it is for
 * CLAIM_BLIND    who claims does not see whether it is claimed
 * WOKEN_FIRST    the waker marks the wait woken, then hands over
 * READY_ALWAYS   who marks a wait woken makes the agent runnable, parked or not
 * PARK_SILENT    an agent that has been woken before it is off its stack is not made runnable
 * NO_DISARM      the agent goes on without its timer's lock
 */
#define WAITS 2

bool parked, claimed, woken; /* the wait word: its bits, */
byte number;                 /* and the number of the wait */
bool on_stack = true, runnable;
byte value, tickets[WAITS + 1]; /* what is handed over; who has a ticket: bit 0 the waker, bit 1 the timer */
bool alarm_locked, fired;
byte wakes, gone;              /* the waits whose timer, on the agent's stack, is gone */

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
       tickets[wait] = 3; /* in the queue, and soon in the heap */
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
