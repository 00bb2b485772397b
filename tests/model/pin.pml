/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * pin.pml: [pin] of sched/pin.hpp. Machine 0 has a pinned fiber, which parks again and again. The
 * model shows:
 *   - machine 0's processor always has exactly one machine;
 *   - a finder does not send to machine 0 while machine 0 still handles the previous finder;
 *   - every machine is in exactly one place, and a woken machine has a processor.
 *
 *   here              there                                                     step of the tag
 *   pinned machine    wait_for_pinned, in machine 0                             left 1, 2, 3
 *   finder            find_runnable, send_to_pinned                             right 1, 2, 3
 *   waker             ready, for the pinned fiber, once the fiber is off its stack
 *   discarded         discard, in the pinned fiber, instead of unpin            [pin.discard]
 *   taken             the fiber blocks, and sysmon retakes the processor: the stand-in is not needed
 *   kept              find_stand_in finds none: the machine keeps its processor until a finder sends
 *                     to it, or until it finds the fiber itself
 *
 * With LAZY the pinned machine has no stand-in before its fiber first waits, and may find none even
 * then.
 *
 * A wake-up is a release and an acquire, and every other variable is written before a wake-up, so
 * interleaving is enough.
 *
 * NO_SPARE       a finder that the pinned machine does not need as stand-in is not put on the list of
 *                spares
 * FINDER_GIVES   the finder gives its processor to the pinned machine itself
 * WAKE_FIRST     the finder wakes the pinned machine before it sets sent_by
 * KEEP           the pinned machine keeps its processor while it waits
 * TAKE_BOTH      LAZY: a pinned machine that has kept its processor takes the finder's processor, too
 * SEND_NOT_BACK  LAZY: the pinned machine does not wake a finder that it does not need
 * KEEP_AT_END    the discarded machine keeps its processor
 */
#define MACHINES 4
#define PROCESSORS 2
#define NONE 9

byte has[MACHINES] = NONE;
bool woken[MACHINES], spare[MACHINES];
bool sent[MACHINES]; /* a finder sleeps until it is needed again */
#ifdef LAZY
byte stand_in = NONE;
#else
byte stand_in = 2;
#endif
byte sent_by = NONE;
byte queued;       /* the pinned fiber, in a queue */
byte turns = 2, retakes = 1;
bool off_stack;

#define holders(q) ((has[0] == (q)) + (has[1] == (q)) + (has[2] == (q)) + (has[3] == (q)))
#define wake(m) assert(!woken[m]); woken[m] = true
inline give(q, m) { assert(holders(q) == 0 && has[m] == NONE); has[m] = q }

proctype pinned_machine(byte me) {
    byte other, p;
    do
    :: true -> /* the fiber runs */
       if
       :: atomic { retakes > 0 && has[me] != NONE && spare[3] -> retakes--; spare[3] = false;
              p = has[me]; has[me] = NONE; give(p, 3); wake(3) }
       :: true
       fi;
       if :: atomic { turns > 0 -> turns--; off_stack = true } :: turns == 0 -> break fi;
       if
#ifdef LAZY
       :: has[me] != NONE && stand_in == NONE -> /* kept */
          do
          :: atomic { spare[2] -> spare[2] = false; stand_in = 2; break }
          :: atomic { queued > 0 -> queued--; goto found }
          :: atomic { woken[me] -> woken[me] = false };
             atomic { other = sent_by; sent_by = NONE };
#ifdef TAKE_BOTH
             p = has[other];
             has[other] = NONE;
             give(p, me);
#endif
#ifndef SEND_NOT_BACK
             wake(other);
#endif
             goto found
          od
       :: else
       fi;
       if
#endif
       :: has[me] != NONE ->
          other = stand_in;
          stand_in = NONE;
#ifndef KEEP
          p = has[me];
          has[me] = NONE;
          give(p, other);
#endif
          wake(other)
       :: else
       fi;
       atomic { woken[me] -> woken[me] = false };
       assert(sent_by != NONE);
       atomic { other = sent_by; sent_by = NONE };
#ifndef FINDER_GIVES
       p = has[other];
       has[other] = NONE;
       give(p, me);
#endif
       if
       :: stand_in == NONE -> stand_in = other
       :: else ->
#ifndef NO_SPARE
          atomic { assert(!spare[other]); spare[other] = true }
#endif
       fi;
found:
       atomic { other = 0; p = 0 }
    od;
    if
    :: stand_in == NONE /* a lazy pin, and its fiber has not waited */
    :: stand_in != NONE ->
       atomic { other = stand_in; stand_in = NONE };
       if
       :: atomic { assert(!spare[other]); spare[other] = true } /* unpin */
       :: true -> /* discard: the thread ends */
          if
#ifndef KEEP_AT_END
          :: has[me] != NONE ->
             p = has[me];
             has[me] = NONE;
             give(p, other);
             wake(other)
#endif
          :: else -> atomic { assert(!spare[other]); spare[other] = true }
          fi;
          assert(has[me] == NONE)
       fi
    fi
}

proctype finder(byte me) {
    byte p;
    if
    :: me != 1 -> /* the stand-in, and a spare */
end_asleep:
       atomic { woken[me] -> woken[me] = false }
    :: else
    fi;
    do
    :: assert(has[me] != NONE); /* the waker has given it a processor */
end_looks:
       atomic { queued > 0 -> queued-- };
#ifdef FINDER_GIVES
       p = has[me];
       has[me] = NONE;
       give(p, 0);
#endif
       sent[me] = true;
#ifdef WAKE_FIRST
       wake(0);
       sent_by = me;
#else
       assert(sent_by == NONE);
       sent_by = me;
       wake(0);
#endif
end_sent:
       atomic { woken[me] -> woken[me] = false; sent[me] = false }
    od
}

active proctype waker() {
end:
    do
    :: atomic { off_stack -> off_stack = false; queued++ }
    od
}

init {
    atomic {
        has[0] = 0;
        has[1] = 1;
        spare[3] = true;
#ifdef LAZY
        spare[2] = true;
#endif
        run pinned_machine(0); run finder(1); run finder(2); run finder(3)
    }
    timeout;
    assert(holders(0) == 1 && holders(1) == 1 && turns == 0);
    assert(!(sent[1] && has[1] != NONE) && !(sent[2] && has[2] != NONE) && !(sent[3] && has[3] != NONE));
    assert((has[1] != NONE) + spare[1] == 1 && (has[2] != NONE) + spare[2] == 1 && (has[3] != NONE) + spare[3] == 1)
}
