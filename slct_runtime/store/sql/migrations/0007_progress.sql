-- What the next attempt of an effect is to know of those before it.
ALTER TABLE effect ADD COLUMN progress TEXT;
ALTER TABLE effect ADD COLUMN last_error TEXT;
