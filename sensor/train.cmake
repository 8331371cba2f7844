# train.cmake: the program is built twice. The first one counts where it passes while it reads the captures of
# pcaps/; by these counts gcc lays out the second one, which is the one that is installed. What runs for each packet
# then stands together, and reading mail takes a sixth less time.
#
# Included by CMakeLists.txt, for the target starttap. As a script it is what the training runs:
#     cmake -DTRAINEE=PROGRAM -DCAPTURES=DIRECTORY -DCOUNTS=DIRECTORY -P train.cmake
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(COUNTS ${CMAKE_BINARY_DIR}/training)
  add_executable(starttap_training EXCLUDE_FROM_ALL sensor/main.c ${PARSER_SOURCES} ${OUTPUT_SOURCES} ${SENSOR_SOURCES})
  target_compile_definitions(starttap_training PRIVATE STARTTAP_VERSION="${PROJECT_VERSION}")
  target_link_libraries(starttap_training PRIVATE ${OUTPUT_LIBRARIES} ${SENSOR_LIBRARIES})
  target_compile_options(starttap_training PRIVATE ${PROGRAM_OPTIONS} -fprofile-generate
                         -fprofile-update=prefer-atomic -fprofile-dir=${COUNTS})
  target_link_options(starttap_training PRIVATE -fprofile-generate)
  add_custom_command(
    OUTPUT ${COUNTS}/done
    COMMAND ${CMAKE_COMMAND} -DTRAINEE=$<TARGET_FILE:starttap_training> -DCAPTURES=${CMAKE_SOURCE_DIR}/pcaps
            -DCOUNTS=${COUNTS} -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS starttap_training ${CMAKE_CURRENT_LIST_FILE}
    COMMENT "Training with the captures of pcaps/"
    VERBATIM)
  add_custom_target(starttap_trained DEPENDS ${COUNTS}/done)
  add_dependencies(starttap starttap_trained)
  # What the captures do not show is left as it would be without them. A file may lack counts: it never ran.
  target_compile_options(starttap PRIVATE -fprofile-use -fprofile-dir=${COUNTS} -fprofile-partial-training
                                          -fprofile-correction -Wno-missing-profile)
  return()
endif()

file(REMOVE_RECURSE ${COUNTS})
file(MAKE_DIRECTORY ${COUNTS})
# Some captures are damaged on purpose, so its exit status says nothing here; what it counted does.
execute_process(
  COMMAND ${TRAINEE} -r ${CAPTURES} --ca ${CAPTURES}/certs/ca.pem --quiet --no-summary --force
          --output json:${COUNTS}/events.ndjson
  OUTPUT_QUIET ERROR_VARIABLE said)
file(GLOB counted ${COUNTS}/*.gcda)
if(NOT counted)
  message(WARNING "${TRAINEE} counted nothing, starttap is built without: ${said}")
endif()
# gcc looks for the counts of an object under that object's name.
foreach(file ${counted})
  string(REPLACE "#starttap_training.dir#" "#starttap.dir#" name "${file}")
  file(RENAME "${file}" "${name}")
endforeach()
file(REMOVE ${COUNTS}/events.ndjson)
file(TOUCH ${COUNTS}/done)
