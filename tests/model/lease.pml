/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * lease.pml: [lease] of sched/lease.hpp. A machine enters and leaves the runtime while sysmon
 * retakes its processor and a thief takes fibers from it. Two agents never use the processor at the
 * same time, and no use of it is lost.
 *
 *   here       there                                                step of the tag
 *   enter      lease::enter_fast, enter_slow                        M1, M2, M3
 *   use        what a machine, or a taker, does with *p             M4, T3
 *   try_revoke lease::try_revoke, with machine::try_revoke          T1, T2, T3, T4
 *   sysmon     retake: the processor goes to machine 1, which was asleep until then. Machine 0 finds
 *              another processor, as by regain. sysmon waits a moment, so it reads `inside` at most
 *              twice: any time may pass between the two reads
 *   thief      steal_from: gives up at once
 *
 * NO_HEAVY_FENCE   the taker passes a fence, but does not make the machine pass one
 * LOAD_FIRST       the machine reads `revoking` before it sets `inside`
 * NO_LOOK_INSIDE   the taker does not read `inside` after its fence
 * OTHER_PROCESSOR  the taker does not check that the machine still has this processor
 * NO_WAIT          the machine sees the revocation, and goes on
 * NO_NEW_LOOK      after it has waited outside, the machine goes on without another read of `revoking`
 * ENTERS_AGAIN     a machine that is inside enters once more, between two uses
 * NO_TRY_LOCK      a taker does not take `revocation_lock_`
 */
#define MACHINES 2
#define SYSMON 2
#define THIEF 3
#define AGENTS 4
#define INSIDE 0 /* two variables, one for each machine */
#define REVOKING 2
#define HAS 4
#define OWNER 6
#define WORK 7
#define WOKEN 8
#define VARIABLES 9
#include "tso.pml"

#ifndef ROUNDS
#define ROUNDS 2
#endif
#define NONE 0
#define P 1
#define ANOTHER 2

bool revocation_lock;
byte users, uses;

inline use() {
    atomic { users++; assert(users == 1) };
    add(WORK, 1);
    atomic { users--; uses++ }
}

inline enter() {
    do
    ::
#ifdef LOAD_FIRST
       revoking = load(REVOKING + me);
       store(INSIDE + me, true);
#else
       store(INSIDE + me, true);
       revoking = load(REVOKING + me);
#endif
       if
       :: !revoking -> break
#ifdef NO_WAIT
       :: revoking -> break
#endif
       :: revoking ->
          store(INSIDE + me, false);
          atomic { drained && !revocation_lock };
#ifdef NO_NEW_LOOK
          store(INSIDE + me, true);
          break
#endif
       fi
    od;
    revoking = false
}

proctype machine(byte me) {
    byte rounds = ROUNDS;
    bool revoking;
end_asleep:
    load(WOKEN) > 0 || me == 0;
    do
    :: atomic { rounds > 0 -> rounds-- };
       if
       :: load(HAS + me) == P ->
#ifdef ENTERS_AGAIN
          atomic { users++; assert(users == 1) };
          enter();
          users--;
#endif
          use()
       :: load(HAS + me) == NONE -> store(HAS + me, ANOTHER)
       :: load(HAS + me) == ANOTHER
       fi;
       store(INSIDE + me, false);
       enter()
    :: else -> break
    od;
end:
    false
}

inline give_to_1() {
    atomic { users++; assert(users == 1) };
    store(HAS + whose, NONE);
    store(HAS + 1, P);
    store(OWNER, 1);
    users--
}

inline try_revoke() {
    whose = load(OWNER);
    if
    :: me == THIEF && load(INSIDE + whose) -> skip
    :: else ->
       if
#ifdef NO_TRY_LOCK
       :: true ->
#else
       :: atomic { me == THIEF && drained && revocation_lock }
       :: atomic { drained && !revocation_lock -> revocation_lock = true };
#endif
          store(REVOKING + whose, true);
#ifdef NO_HEAVY_FENCE
          drained;
#else
          membarrier(at);
#endif
#ifdef NO_LOOK_INSIDE
          inside = false;
#else
          inside = load(INSIDE + whose);
          if
          :: me == SYSMON && inside -> inside = load(INSIDE + whose)
          :: else
          fi;
#endif
          if
#ifdef OTHER_PROCESSOR
          :: !inside && load(HAS + whose) != NONE ->
#else
          :: !inside && load(HAS + whose) == P ->
#endif
             if :: me == SYSMON -> give_to_1() :: else -> use() fi;
             taken = true
          :: else
          fi;
          store(REVOKING + whose, false);
          atomic { drained -> revocation_lock = false }
       fi
    fi;
    atomic { whose = 0; inside = false }
}

proctype sysmon(byte me) {
    byte whose, at;
    bool inside, taken;
    try_revoke();
    if :: taken -> store(WOKEN, 1) :: else fi
}

proctype thief(byte me) {
    byte whose, at, tries = 2;
    bool inside, taken;
    do
    :: atomic { tries > 0 -> tries-- }; try_revoke(); taken = false
    :: else -> break
    od
}

init {
    atomic {
        memory[INSIDE] = true;
        memory[INSIDE + 1] = true;
        memory[HAS] = P;
        run machine(0); run machine(1); run sysmon(SYSMON); run thief(THIEF)
    }
    timeout;
    assert(memory[WORK] == uses && users == 0)
}
