# Makes a faulty copy of one source, for a simulator that has to notice.
#   cmake -D FAULT=x.fault -D SOURCE=y.cc -D OUT=z.cc -P PlantFault.cmake
# A fault says `file:` and, between <<<<, ==== and >>>>, the text it replaces and by what. The text must stand in the
# source exactly once: whoever changes the place moves the fault along.
file(READ "${FAULT}" fault)
file(READ "${SOURCE}" source)

string(FIND "${fault}" "<<<<\n" open)
string(FIND "${fault}" "\n====\n" middle)
string(FIND "${fault}" "\n>>>>" close)
if(open LESS 0 OR middle LESS open OR close LESS middle)
  message(FATAL_ERROR "${FAULT}: expected <<<<, ==== and >>>>, a line each")
endif()
math(EXPR old_at "${open} + 5")
math(EXPR old_size "${middle} - ${old_at}")
math(EXPR new_at "${middle} + 6")
math(EXPR new_size "${close} - ${new_at}")
if(new_size LESS 0)  # Nothing in its place.
  set(new_size 0)
endif()
string(SUBSTRING "${fault}" ${old_at} ${old_size} old)
string(SUBSTRING "${fault}" ${new_at} ${new_size} new)

string(FIND "${source}" "${old}" first)
string(FIND "${source}" "${old}" last REVERSE)
if(first LESS 0 OR NOT first EQUAL last)
  message(FATAL_ERROR "${FAULT}: expected its text exactly once in ${SOURCE}:\n${old}")
endif()
string(REPLACE "${old}" "${new}" source "${source}")
file(WRITE "${OUT}" "${source}")
