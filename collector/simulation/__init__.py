"""What would happen: cases run in a store of their own, payloads and rule sets tried out without a write. Design: docs/cases.md.

case_file.parse_case(text, name) -> CaseFile       YAML or JSON; DocumentError with file, line and path
course.run_case(case, database) -> dict            the printed state, after the last step
expectation.compare(expected, state) -> [str]      what is not as expected
"""
