# Installs the build tree BUILD into a new place, moves that, and uses it from there: the program with its model, and the
# library in a C program found by pkg-config and in one found by CMake.
cmake_minimum_required(VERSION 3.22)

string(RANDOM LENGTH 8 suffix)
set(place ${BUILD}/install-check-${suffix})

function(run)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "STATUS;OUTPUT;ERROR" "COMMAND")
  execute_process(COMMAND ${arg_COMMAND} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE error)
  if(NOT arg_STATUS)
    set(arg_STATUS 0)
  endif()
  if(NOT status EQUAL arg_STATUS)
    file(REMOVE_RECURSE ${place})
    message(FATAL_ERROR "${arg_COMMAND} ended with ${status}, not ${arg_STATUS}:\n${output}${error}")
  endif()
  if(arg_OUTPUT AND NOT "${output}" STREQUAL "${arg_OUTPUT}\n")
    file(REMOVE_RECURSE ${place})
    message(FATAL_ERROR "${arg_COMMAND} printed '${output}', not '${arg_OUTPUT}'")
  endif()
  if(arg_ERROR AND NOT "${error}" MATCHES "${arg_ERROR}")
    file(REMOVE_RECURSE ${place})
    message(FATAL_ERROR "${arg_COMMAND} said '${error}', not '${arg_ERROR}'")
  endif()
endfunction()

run(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${place}/first)
file(RENAME ${place}/first ${place}/moved)
set(prefix ${place}/moved)

foreach(file ${BINDIR}/loris-cl ${LIBDIR}/libloris.so include/loris/loris.h ${LIBDIR}/pkgconfig/loris.pc ${MANDIR}/man1/loris-cl.1
             ${DATADIR}/bash-completion/completions/loris-cl ${DATADIR}/zsh/site-functions/_loris-cl
             ${DATADIR}/fish/vendor_completions.d/loris-cl.fish ${DATADIR}/loris-cl/models/base/model.safetensors
             ${DATADIR}/loris-cl/models/base/config.json ${DATADIR}/doc/loris-cl/README.md ${DATADIR}/doc/loris-cl/LICENSE)
  if(NOT EXISTS ${prefix}/${file})
    file(REMOVE_RECURSE ${place})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

run(COMMAND ${prefix}/${BINDIR}/loris-cl --version OUTPUT "loris-cl ${VERSION}")
# It finds the models beside it: they are listed when another is asked for.
run(COMMAND ${prefix}/${BINDIR}/loris-cl --model unheard-of ${CMAKE_CURRENT_LIST_FILE} STATUS 3 ERROR "known models: base, movenet-lightning, movenet-thunder")

# By pkg-config.
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs loris OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(flags UNIX_COMMAND "${flags}")
if(SANITIZE)
  set(sanitize -fsanitize=address,undefined)
endif()
run(COMMAND ${CC} ${sanitize} ${CMAKE_CURRENT_LIST_DIR}/consumer/client.c -o ${place}/client ${flags} -Wl,-rpath,${prefix}/${LIBDIR})
run(COMMAND ${place}/client OUTPUT "${VERSION}")
run(COMMAND pkg-config --modversion loris OUTPUT "${VERSION}")

# By CMake.
run(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${place}/consumer -DCMAKE_PREFIX_PATH=${prefix}
            -DCMAKE_C_COMPILER=${CC} -DCMAKE_C_FLAGS=${sanitize})
run(COMMAND ${CMAKE_COMMAND} --build ${place}/consumer)
run(COMMAND ${place}/consumer/client OUTPUT "${VERSION}")

file(REMOVE_RECURSE ${place})
