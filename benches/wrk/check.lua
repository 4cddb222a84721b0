-- One GET and one check a request: what the other clients' scripts do too.
local prepared
passed = 0

function init(args)
  prepared = wrk.format("GET", "/")
end

function request()
  return prepared
end

function response(status, headers, body)
  if status == 200 then
    passed = passed + 1
  end
end
