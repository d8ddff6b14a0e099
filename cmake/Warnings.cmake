# What every target is compiled with. Linked by name, so that nothing is global.
add_library(saga_warnings INTERFACE)
target_compile_options(saga_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${SAGA_WERROR}>:-Werror>)

if(SAGA_SANITIZE)
  add_compile_options(-fsanitize=${SAGA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SAGA_SANITIZE})
endif()
if(SAGA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)   # What a run covers guides the next; main comes with each fuzzer.
endif()
