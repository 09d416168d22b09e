-- Documents may be in shorthand from here on (_shorthand.py). No table changes, and what is stored stays as it is: it is
-- for slct that cannot read shorthand, which must refuse the file.
SELECT 1;
